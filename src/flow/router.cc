#include "flow/router.h"

#include <algorithm>

#include "base/text.h"

namespace satgate::flow {

const Route* find_route(const Settings& settings, std::string_view method, std::string_view path) {
  for (const Route& route : settings.routes) {
    if (!route.methods.empty() && std::ranges::find(route.methods, method) == route.methods.end()) {
      continue;
    }
    if (glob_match(route.path, path)) return &route;
  }
  return nullptr;
}

}  // namespace satgate::flow
