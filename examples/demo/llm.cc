#include "llm.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace satgate::demo {
namespace {

constexpr uint64_t kTokensUnasked = 12;     // of an answer nobody bounded
constexpr uint64_t kTokensMax = 16 * 1024;  // of one choice of any model
constexpr std::array kModels = {"gpt-4o", "gpt-4o-mini", "gpt-4", "gpt-3.5-turbo", "demo-flat"};

std::string text_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) return text;
  for (const Json& part : content) {
    text += string_at(part, "text");
  }
  return text;
}

// The value of demo:NAME=VALUE in `text`, or `otherwise`.
uint64_t asked(std::string_view text, std::string_view name, uint64_t otherwise) {
  for (const std::string_view word : split(text, ' ')) {
    if (!word.starts_with("demo:") || !word.substr(5).starts_with(name)) continue;
    const std::string_view rest = word.substr(5 + name.size());
    if (rest.starts_with('=')) return number_or(rest.substr(1), otherwise);
  }
  return otherwise;
}

uint64_t positive(const Json& request, const char* key, uint64_t otherwise) {
  const auto found = request.find(key);
  if (found == request.end() || !found->is_number_unsigned()) return otherwise;
  return std::max<uint64_t>(1, found->get<uint64_t>());
}

bool is_true(const Json& object, const char* key) {
  if (!object.is_object()) return false;
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::string words(uint64_t count) {
  std::string text;
  for (uint64_t i = 0; i < count; ++i)
    text += i == 0 ? "word" : " word";
  return text;
}

Json head_of(const Completion& completion, const char* object) {
  return {{"id", "chatcmpl-demo"},
          {"object", object},
          {"created", 1'760'000'000},
          {"model", completion.model}};
}

std::string event(const Json& chunk) {
  return "data: " + chunk.dump() + "\n\n";
}

std::string chunk_with(const Completion& completion, uint64_t index, Json delta, Json reason) {
  Json chunk = head_of(completion, "chat.completion.chunk");
  chunk["choices"] = Json::array(
      {{{"index", index}, {"delta", std::move(delta)}, {"finish_reason", std::move(reason)}}});
  if (completion.include_usage) chunk["usage"] = nullptr;
  return event(chunk);
}

Json failure(int status) {
  return {{"error",
           {{"message", "demo failure"},
            {"type", status >= 500 ? "server_error" : "invalid_request_error"},
            {"param", nullptr},
            {"code", nullptr}}}};
}

}  // namespace

Completion understand(const Json& request) {
  Completion completion;
  completion.model = string_at(request, "model");
  completion.stream = is_true(request, "stream");
  if (const auto options = request.find("stream_options"); options != request.end()) {
    completion.include_usage = is_true(*options, "include_usage");
  }
  completion.choices = std::min<uint64_t>(positive(request, "n", 1), 16);
  std::string last;
  uint64_t bytes = 0;
  const auto messages = request.find("messages");
  for (const Json& message : messages != request.end() ? *messages : Json()) {
    const auto content = message.find("content");
    last = content != message.end() ? text_of(*content) : std::string{};
    bytes += last.size();
  }
  completion.prompt_tokens = bytes / 4 + 1;
  const uint64_t legacy = positive(request, "max_tokens", kTokensMax);
  completion.tokens_max = std::min(kTokensMax, positive(request, "max_completion_tokens", legacy));
  const uint64_t wanted = asked(last, "tokens", kTokensUnasked);
  completion.tokens_each = std::min(wanted, completion.tokens_max);
  completion.stopped_by_length = wanted > completion.tokens_max;
  completion.slow_ms = asked(last, "slow", 0);
  completion.pause_ms = asked(last, "pause", 0);
  completion.status = static_cast<int>(std::clamp<uint64_t>(asked(last, "status", 200), 200, 599));
  completion.cut = asked(last, "cut", 0) == 1;
  completion.no_usage = asked(last, "nousage", 0) == 1;
  completion.lie = asked(last, "lie", 0) == 1;
  return completion;
}

Json usage_of(const Completion& completion) {
  const uint64_t honest = completion.tokens_each * completion.choices;
  const uint64_t output = completion.lie ? 10 * completion.tokens_max * completion.choices : honest;
  return {{"prompt_tokens", completion.prompt_tokens},
          {"completion_tokens", output},
          {"total_tokens", completion.prompt_tokens + output},
          {"prompt_tokens_details", {{"cached_tokens", 0}}},
          {"completion_tokens_details", {{"reasoning_tokens", 0}}}};
}

net::Task<> Llm::handle(net::ServerExchange& exchange) {
  const std::string_view path = exchange.request().path;
  if (path == "/stats") {
    const Json body = stats();
    co_await send_json(exchange, 200, body);
  } else if (path == "/v1/models") {
    Json models = {{"object", "list"}, {"data", Json::array()}};
    for (const char* model : kModels) {
      models["data"].push_back(
          {{"id", model}, {"object", "model"}, {"created", 1'760'000'000}, {"owned_by", "demo"}});
    }
    co_await send_json(exchange, 200, models);
  } else if (path == "/v1/chat/completions" && exchange.request().method == "POST") {
    co_await complete(exchange);
  } else {
    const Json body = failure(404);
    co_await send_json(exchange, 404, body);
  }
}

net::Task<> Llm::complete(net::ServerExchange& exchange) {
  const auto body = co_await exchange.read_body_all(kBodyBytesMax);
  if (!body) co_return;
  const Json request = Json::parse(*body, nullptr, false);
  if (!request.is_object()) {
    const Json answer = failure(400);
    co_await send_json(exchange, 400, answer);
    co_return;
  }
  const Completion completion = understand(request);
  ++calls_;
  ++calls_by_model_[completion.model];
  const auto credential = exchange.request().fields.find("authorization");
  ++calls_by_credential_[std::string(credential.value_or("none"))];
  if (completion.slow_ms > 0) {
    co_await net::sleep(exchange.loop(), net::Milliseconds(completion.slow_ms));
  }
  if (completion.status >= 400) {  // a failed request is not billed
    const Json answer = failure(completion.status);
    co_await send_json(exchange, completion.status, answer);
    co_return;
  }
  prompt_tokens_ += completion.prompt_tokens;
  completion_tokens_ += completion.tokens_each * completion.choices;
  if (completion.stream) {
    co_await answer_stream(exchange, completion);
  } else {
    co_await answer_whole(exchange, completion);
  }
}

net::Task<> Llm::answer_whole(net::ServerExchange& exchange, const Completion& completion) {
  Json answer = head_of(completion, "chat.completion");
  answer["choices"] = Json::array();
  for (uint64_t i = 0; i < completion.choices; ++i) {
    answer["choices"].push_back(
        {{"index", i},
         {"message", {{"role", "assistant"}, {"content", words(completion.tokens_each)}}},
         {"finish_reason", completion.stopped_by_length ? "length" : "stop"}});
  }
  if (!completion.no_usage) answer["usage"] = usage_of(completion);
  const std::string text = answer.dump();
  exchange.response(200).field("content-type", "application/json");
  if (!completion.cut) {
    co_await exchange.send(text);
    co_return;
  }
  const auto started = co_await exchange.start(wire::BodyFraming::length(text.size()));
  if (started) co_await exchange.write(std::string_view(text).substr(0, text.size() / 2));
  exchange.cut();
}

net::Task<> Llm::answer_stream(net::ServerExchange& exchange, const Completion& completion) {
  exchange.response(200).field("content-type", "text/event-stream");
  const auto started = co_await exchange.start(wire::BodyFraming::chunked());
  if (!started) co_return;
  for (uint64_t i = 0; i < completion.tokens_each * completion.choices; ++i) {
    if (completion.cut && i == completion.tokens_each * completion.choices / 2) {
      exchange.cut();
      co_return;
    }
    const Json delta = {{"content", i < completion.choices ? "word" : " word"}};
    const std::string chunk = chunk_with(completion, i % completion.choices, delta, nullptr);
    const auto written = co_await exchange.write(chunk);
    if (!written) co_return;
    if (completion.pause_ms > 0) {
      co_await net::sleep(exchange.loop(), net::Milliseconds(completion.pause_ms));
    }
  }
  std::string end;
  for (uint64_t i = 0; i < completion.choices; ++i) {
    const Json reason = completion.stopped_by_length ? "length" : "stop";
    end += chunk_with(completion, i, Json::object(), reason);
  }
  if (completion.include_usage && !completion.no_usage) {
    Json chunk = head_of(completion, "chat.completion.chunk");
    chunk["choices"] = Json::array();
    chunk["usage"] = usage_of(completion);
    end += event(chunk);
  }
  end += "data: [DONE]\n\n";
  co_await exchange.finish(end);
}

Json Llm::stats() const {
  return {{"calls", calls_},
          {"prompt_tokens", prompt_tokens_},
          {"completion_tokens", completion_tokens_},
          {"models", calls_by_model_},
          {"credentials", calls_by_credential_}};
}

}  // namespace satgate::demo
