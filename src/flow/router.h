// From a request to the route that serves it.
#pragma once

#include <string_view>

#include "flow/settings.h"

namespace satgate::flow {

// The first route whose pattern and methods fit; nullptr: nobody claims it. `path` is normalised.
const Route* find_route(const Settings& settings, std::string_view method, std::string_view path);

}  // namespace satgate::flow
