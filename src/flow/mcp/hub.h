// The MCP servers behind the gateway: child processes over stdio and Streamable HTTP servers, each
// supervised by itself, one catalogue over all of them. The hub forwards; it decides nothing: who
// may call what, and what it costs, is settled before call() and after it (flow/exchange.cc).
//
//   Hub hub(loop, std::move(servers), options);
//   co_await hub.start();                     // returns when all are ready, or after `start_wait`
//   const auto catalogue = hub.catalogue();   // from any thread
//   auto* entry = catalogue->find("search_code");
//   const auto outcome = co_await hub.call(std::move(request));   // from any loop
//
// Failures stay with their server: a server that is down, slow or talks nonsense costs its own
// calls a Fault, keeps its tools listed (they come back after a restart), and never delays the
// others.
//
// Fault.sent_upstream is exact: false only when no byte of the call can have reached the server, or
// when the server has said that it did not run it, because it no longer knew the session (404) or
// does not accept the access token (401). In these cases alone the hub repeats a call by itself,
// once, after a new handshake or with a new token.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "contract/fault.h"
#include "dialect/mcp/catalogue.h"
#include "dialect/mcp/reply.h"
#include "net/loop.h"
#include "net/task.h"
#include "store/definition_book.h"

namespace satgate::flow::mcp {

struct StdioCommand {
  std::string command;
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;  // on top of a minimal environment
  bool operator==(const StdioCommand&) const = default;
};

// OAuth 2.0 client credentials (RFC 6749, 4.4): the gateway's own account at a server.
struct OAuthClient {
  std::string token_url;
  std::string client_id;
  std::string client_secret;
  std::string scope;            // separated by blanks; empty: the server's default
  std::string resource;         // RFC 8707; empty: not sent
  std::string audience;         // as some servers have it instead; empty: not sent
  bool secret_in_body = false;  // client_secret_post; else client_secret_basic
  std::string ca_file;          // as below
  bool operator==(const OAuthClient&) const = default;
};

// A field of a request: its name, lower case, and its value. An empty name: there is none.
using HeaderField = std::pair<std::string, std::string>;

struct HttpUpstream {
  std::string url;                                           // "https://mcp.internal/github-read"
  std::vector<std::pair<std::string, std::string>> headers;  // sent with every request
  std::string ca_file;          // PEM with the roots to trust for this server; empty: the system's
  HeaderField credential = {};  // the gateway's own; never the agent's
  std::optional<OAuthClient> oauth = {};  // instead of it
  // The field in which callers bring their own credential for this server, lower case; then what is
  // above serves handshakes and lists, and no call. Empty: calls go with what is above.
  std::string credential_from = {};
  // Instead of that: what the calls of some tokens go with, by the name of the root token. Calls of
  // others go with what is above, and where that is nothing, not at all.
  std::map<std::string, HeaderField, std::less<>> credentials = {};
  bool operator==(const HttpUpstream&) const = default;
};

// What the config says about a tool in place of its server.
struct ToolOverride {
  std::string name;         // that clients see, verbatim; empty: as for others
  std::string description;  // empty: the server's own
  bool operator==(const ToolOverride&) const = default;
};

struct ServerConfig {
  std::string name;  // the key under mcpServers
  std::variant<StdioCommand, HttpUpstream> transport;
  std::optional<std::string> prefix;
  std::chrono::milliseconds timeout{60'000};  // of one call, from sending to its response
  // Who shares its connection (for stdio: the child). automatic: everybody, until it turns out that
  // the server asks its clients; from then on each client that can be asked has its own.
  enum class Sharing : uint8_t { automatic, shared, separate };
  Sharing sharing = Sharing::automatic;
  // What a tool's definition has to be before it is offered. trusted: whatever the server says.
  // pinned: what it said when it was first seen, or what a person has accepted since. reviewed:
  // what a person has accepted.
  enum class Definitions : uint8_t { trusted, pinned, reviewed };
  Definitions definitions = Definitions::trusted;
  std::map<std::string, ToolOverride, std::less<>> tools = {};  // by the server's own name
  bool operator==(const ServerConfig&) const = default;
};

// What servers say to all of their clients.
struct HubEvent {
  enum class Kind : uint8_t { tools_changed, prompts_changed, resources_changed, resource_updated };
  Kind kind = Kind::tools_changed;
  std::string uri = {};  // resource_updated
};

// Where events of hubs go, over reloads: a new hub publishes to the same one. Thread-safe; watchers
// are called on the hub's loop, and not after unwatch() has returned; they neither watch nor
// unwatch.
class Broadcast {
 public:
  using Watcher = std::function<void(const HubEvent&)>;
  uint64_t watch(Watcher watcher);
  void unwatch(uint64_t id);
  void publish(const HubEvent& event);

 private:
  std::mutex mutex_;
  std::map<uint64_t, Watcher> watchers_;
  uint64_t next_ = 0;
};

struct HubOptions {
  dialect::mcp::PrefixMode prefix_mode = dialect::mcp::PrefixMode::collision;
  size_t listed_name_max = dialect::mcp::kListedNameMax;
  std::string version;                               // of the gateway, for clientInfo
  std::chrono::milliseconds handshake_wait{15'000};  // initialize and tools/list of one server
  std::chrono::milliseconds probe_wait{3'000};  // for a child that is asked which era it speaks
  std::chrono::milliseconds start_wait{5'000};  // start() waits this long for all servers
  std::chrono::milliseconds backoff_min{500};   // before a restart; doubles up to the maximum
  std::chrono::milliseconds backoff_max{30'000};
  std::chrono::milliseconds token_wait{5'000};  // for the answer of a token endpoint
  size_t calls_in_flight_max = 1024;  // per server; more are a Fault with status 503, unsent
  size_t separate_max = limits::mcp_separate_max;  // connections of single clients, per server
  std::chrono::milliseconds separate_idle{limits::mcp_idle_seconds * 1000};  // until one ends
  std::shared_ptr<Broadcast> broadcast = std::make_shared<Broadcast>();
  store::DefinitionBook* definitions = nullptr;  // null: every definition is trusted
  // On the hub's loop, before what a pinned server offers at first sight is accepted. False: it can
  // not be recorded, so nothing is.
  store::DefinitionBook::Witness on_first_sight = {};
};

// What a server answered: exactly one of the two is set, raw JSON as it came.
struct Outcome {
  std::string result;
  std::string error;  // a JSON-RPC error object
};

// A request that a server has for the client of a call: sampling/createMessage, elicitation/create
// or roots/list.
struct Ask {
  std::string key;  // unique within its round: of `inputRequests`, or one of ours
  std::string method;
  std::string params;   // raw object, or empty
  uint64_t number = 0;  // unique within its call; 0: it can not be withdrawn
};

// What the client says to a round of asks. One of the two is set.
struct AskReply {
  std::string responses;  // raw object: key -> result, as `inputResponses` of 2026-07-28 has it
  std::string error;      // a JSON-RPC error object instead
};

// Whoever waits for a call: hears what its server says meanwhile, and is asked by it. The hub calls
// it on its own loop, and never after call() has returned.
class CallListener {
 public:
  virtual ~CallListener() = default;
  // notifications/progress (with the client's own progressToken) and notifications/message of this
  // call, in their order. Params are a raw object.
  virtual void notified(std::string_view method, std::string params) = 0;
  // Runs on the hub's loop; the time it takes does not count against the timeout of the call. A
  // Fault ends the call: it is cancelled at the server, and call() returns that Fault.
  virtual net::Task<std::expected<AskReply, Fault>> ask(std::vector<Ask> asks) = 0;
  // Its server takes back what it asks by ask() now, and hears no answer to it. `reason` is a raw
  // string, or empty.
  virtual void withdrawn(uint64_t number, std::string_view reason) = 0;
};

// Ends a call from outside, from any thread: its server is told by notifications/cancelled, or by
// the end of its connection, and call() returns a Fault with source client.
class CallCancel {
 public:
  virtual ~CallCancel() = default;
  virtual void cancel() = 0;
};

// What the client of a call can do.
struct ClientTraits {
  std::string capabilities;  // raw ClientCapabilities as declared, or empty: it can not be asked
  std::string log_level;     // logs of a call below it are not sent on; empty: none are
  // Whose connection this may use, where one serves a single client: a session, or a principal.
  // Nobody with another affinity ever shares it.
  std::string affinity;
  // What its call goes with in place of the gateway's own (HttpUpstream::credential_from and
  // ::credentials). Only calls with the very same one share a connection. Never logged.
  HeaderField credential = {};
  bool brings_credential = false;  // then only calls of one affinity do
  // Where a connection is its own: whom the server asks for roots while no call is under way. It is
  // called on the hub's loop as long as the connection lasts, and with no other question.
  std::shared_ptr<CallListener> between_calls = {};
};

struct CallRequest {
  std::string server;
  std::string method = "tools/call";  // or prompts/get, resources/read, completion/complete
  std::string name = {};  // the server's own name of the tool or prompt: replaces params.name, or
                          // params.ref.name. Empty: params stay
  std::string params;     // raw params of the client's request
  ClientTraits client = {};
  std::shared_ptr<CallListener> listener = {};  // none: nothing is heard, and asks are refused
  // Called on the hub's loop, once, before anything is sent.
  std::function<void(std::shared_ptr<CallCancel>)> on_begin = {};
  // An elicitation of this call, in mode "url" or of error -32042, is done: by its server's
  // elicitationId. On the hub's loop, mostly long after the call.
  std::function<void(const std::string& id)> on_elicited = {};
};

struct ServerStatus {
  enum class State : uint8_t { starting, ready, down };
  std::string name;
  State state = State::starting;
  std::string transport;    // "stdio" or "http"
  std::string era;          // "legacy", "modern"; empty until the first handshake
  std::string server_info;  // "name version" as it says about itself, for people
  size_t tools = 0;
  size_t held = 0;  // of its tools: their definitions wait for a person
  uint64_t restarts = 0;
  uint64_t calls = 0;
  uint64_t faults = 0;
  std::string last_error;  // for people; no secrets
};

class Server;

class Hub {
 public:
  // Lives on `loop`; destroy it there, after stop(). A server that `before` runs under the same
  // config is not started again: both hubs use it from now on, and the last one to stop ends it.
  // `before` has been started, and has not been stopped when this one starts.
  Hub(net::Loop& loop, std::vector<ServerConfig> servers, HubOptions options,
      const Hub* before = nullptr);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Starts every server. Returns when all are ready, or after start_wait; servers that are not
  // ready go on trying. On the hub's loop.
  net::Task<void> start();
  // Ends sessions and children (stdin closed, then SIGTERM, then SIGKILL), but for those that
  // another hub has taken over. On the hub's loop. Idempotent.
  net::Task<void> stop();

  // A snapshot; never null. Thread-safe.
  std::shared_ptr<const dialect::mcp::Catalogue> catalogue() const;
  // Grows by one with every new catalogue: what list_changed notifications are made from.
  uint64_t catalogue_version() const;

  // A definition was accepted: what was held back is looked at again. Any thread.
  void reconsider();

  // What the servers offer together. Thread-safe.
  dialect::mcp::Capabilities capabilities() const;

  // Makes one call, however many rounds it takes: what a server asks meanwhile goes through the
  // listener, and the outcome is the final one, in the form of its server's era (see
  // dialect/mcp/reply.h for how it is put to a client). From any loop; resumes there.
  net::Task<std::expected<Outcome, Fault>> call(CallRequest request);

  // A session, or a principal, has gone: ends the connections that were its alone. Any thread.
  void release(const std::string& affinity, std::vector<std::string> watched = {});

  // The roots of a client are others now: told to the connections that are its alone, where it has
  // said that it has roots. Any thread.
  void roots_changed(const std::string& affinity);

  // Updates of a resource become events while at least one watch is on; they are counted. An
  // error: no server offers that resource, or its server does not allow it. From any loop.
  net::Task<std::expected<void, Fault>> watch_resource(std::string uri);
  net::Task<std::expected<void, Fault>> unwatch_resource(std::string uri);

  // From any thread.
  std::vector<ServerStatus> status() const;

 private:
  struct State;
  static net::Task<> end_watch(std::shared_ptr<State> state, std::string uri);
  static net::Task<void> stop_one(std::shared_ptr<Server> server, std::shared_ptr<size_t> left,
                                  std::shared_ptr<net::Event> all);
  std::shared_ptr<State> state_;
};

}  // namespace satgate::flow::mcp
