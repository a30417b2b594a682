// The built-in model prices: the chat and embedding models of OpenAI and Anthropic, generated from
// maintained data (docs/decisions/0010-prices.md). The config overrides them by name.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "contract/quote.h"

namespace satgate::tariff {

enum class Provider : uint8_t { openai, anthropic };

// What may stand in for what. A reasoning model may bill output that it never shows.
enum class ModelKind : uint8_t { chat, reasoning, completion, embedding };

// Nano-dollars per million tokens.
struct BuiltinPrices {
  TokenRates base;
  uint64_t long_above =
      0;  // prompts of more tokens than this are billed at `long_context`; 0: none
  TokenRates long_context;
};

struct BuiltinModel {
  std::string_view name;
  Provider provider = Provider::openai;
  ModelKind kind = ModelKind::chat;
  bool dated = false;       // also name + "-2024-08-06" and name + "-20240806"
  bool offered = false;     // may be recommended: a current model under its own name
  uint16_t prices = 0;      // index into builtin_prices()
  uint32_t context = 0;     // tokens of prompt and answer together; 0: not known
  uint32_t max_output = 0;  // tokens of one answer; 0: not known
};

std::span<const BuiltinPrices> builtin_prices();
std::span<const BuiltinModel> builtin_models();  // sorted by name
std::string_view builtin_prices_date();          // "2026-11-23"

}  // namespace satgate::tariff
