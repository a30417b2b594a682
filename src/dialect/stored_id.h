// Answers that lie at a provider until they are asked for, and the paths by which they are.
#pragma once

#include <string_view>

#include "contract/mode.h"

namespace satgate::dialect {

// What an id may be made of, so that it is one segment of a path as it stands.
bool is_stored_id(std::string_view text);

// The id in a request for a stored answer: "resp_1" of GET /v1/responses/resp_1/input_items. Empty:
// it is for nothing that the provider has of one answer. `path` is normalised.
std::string_view stored_id(Protocol protocol, std::string_view method, std::string_view path);

}  // namespace satgate::dialect
