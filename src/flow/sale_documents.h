// The documents that say what is for sale, for machines and for nothing:
//
//   /.well-known/l402.json      the manifest of the L402 discovery text
//   /.well-known/openapi.json   the same as OpenAPI 3.1, with x-l402-* and x-payment-info
//
// Made when somebody asks, and kept until the config, the tools or the rate change. One a loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "flow/gateway.h"

namespace satgate::flow {

struct SaleDocument {
  std::string text;
  std::string etag;  // with its quotes
};

class SaleDocuments {
 public:
  explicit SaleDocuments(Gateway& gateway) : gateway_(gateway) {}

  // Null: no document has this path.
  std::shared_ptr<const SaleDocument> find(std::string_view path);

 private:
  void renew();

  Gateway& gateway_;
  std::shared_ptr<const Settings> settings_;  // that they were made from, as the next two
  std::shared_ptr<const dialect::mcp::Catalogue> catalogue_;
  std::optional<int64_t> nano_per_sat_;
  std::shared_ptr<const SaleDocument> manifest_, openapi_;
};

}  // namespace satgate::flow
