// A session of MCP over Streamable HTTP: some servers answer nobody without one.
#pragma once

#include <string>
#include <string_view>

#include "wire/channel.h"

namespace satgate::bench {

// A request with this in its head is sent in a session of its connection.
inline constexpr std::string_view kSessionField = "Mcp-Session-Id: @session@";

// Shakes hands on the connection as the request's head says; the request with the session's id in
// it. Waits for the answers. Ends the program if there is no session to have.
std::string open_session(Channel& channel, std::string_view request);
// So that the server need not keep what it has for it.
void close_session(Channel& channel, std::string_view request);

}  // namespace satgate::bench
