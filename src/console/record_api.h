// Questions to the record: events, checkpoints, spend, prices, status.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "console/api.h"
#include "flow/gateway.h"

namespace satgate::console {

using Query = std::map<std::string, std::string, std::less<>>;

class RecordApi {
 public:
  RecordApi(flow::Gateway& gateway, Time started) : gateway_(gateway), started_(started) {}

  Reply events(const Query& query);
  Reply checkpoints();
  Reply revenue(const Query& query);
  Reply spend(const Query& query);
  Reply prices();
  Reply status();

 private:
  flow::Gateway& gateway_;
  Time started_;
};

}  // namespace satgate::console
