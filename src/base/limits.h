// Every bound in one place, the unit last. What a person may want to change is a default here and a
// key under `limits` in the config (docs/reference/config.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace satgate::limits {

inline constexpr size_t head_bytes_max = 64 * 1024;         // request or response line and fields
inline constexpr size_t header_count_max = 128;             // fields of one message
inline constexpr size_t target_bytes_max = 16 * 1024;       // request target
inline constexpr size_t unpaid_body_bytes_max = 64 * 1024;  // of an LLM call to be sold
inline constexpr size_t body_bytes_max = 32 * 1024 * 1024;  // a body held to decide on it
inline constexpr size_t chunk_line_bytes_max = 256;         // chunk size and extensions
inline constexpr size_t trailer_bytes_max = 8 * 1024;
inline constexpr size_t sse_event_bytes_max = 4 * 1024 * 1024;
inline constexpr size_t stream_window_bytes = 64 * 1024;  // held per direction while streaming

inline constexpr size_t token_bytes_max = 16 * 1024;  // one macaroon, decoded
inline constexpr size_t caveat_count_max = 64;
inline constexpr size_t caveat_bytes_max = 4 * 1024;
inline constexpr size_t delegations_max = 100'000;     // caveats added offline, over all of a token
inline constexpr size_t path_accounts_max = 24;        // accounts one call spends from
inline constexpr size_t stored_answers_max = 200'000;  // marks of who made what lies at providers
inline constexpr size_t batch_requests_max = 10'000;   // of one batch

inline constexpr int64_t head_seconds_max = 15;  // from the first byte to the end of a head
inline constexpr int64_t idle_seconds_max = 75;  // keep-alive without a request
inline constexpr int64_t connect_seconds_max = 5;
inline constexpr int64_t upstream_seconds_max = 600;  // between two bytes from an upstream
inline constexpr int64_t reservation_seconds_max = 900;
inline constexpr int64_t drain_seconds_max = 30;

inline constexpr size_t connections_max = 10'000;
inline constexpr size_t upstream_idle_max = 256;  // pooled connections per identity and loop

inline constexpr size_t mcp_sessions_max = 20'000;               // the longest idle one makes room
inline constexpr size_t mcp_sessions_of_one_max = 1'000;         // of one credential
inline constexpr int64_t mcp_session_idle_seconds = 3'600;       // then it is forgotten
inline constexpr int64_t mcp_ask_seconds_max = 600;              // for a client to answer a server
inline constexpr size_t mcp_waiting_max = 20'000;                // calls that wait for their client
inline constexpr size_t mcp_waiting_of_one_max = 1'000;          // of one credential
inline constexpr size_t mcp_streams_max = 64;                    // of a session, to be resumed
inline constexpr size_t mcp_outbox_bytes_max = 4 * 1024 * 1024;  // not yet taken by one client
inline constexpr size_t mcp_outbox_items_max = 512;              // notices beyond are lost
inline constexpr size_t mcp_capabilities_bytes_max = 16 * 1024;  // that a client declares
inline constexpr size_t mcp_uri_bytes_max = 2 * 1024;            // of a resource to be told about
inline constexpr size_t mcp_waiting_bytes_max = 64 * 1024 * 1024;  // calls of one credential
inline constexpr size_t mcp_replay_events_max = 256;  // of a session, for Last-Event-ID
inline constexpr size_t mcp_replay_bytes_max = 1024 * 1024;
inline constexpr size_t mcp_watches_max = 256;        // resources that one client is told about
inline constexpr size_t mcp_asks_max = 64;            // requests of a server during one call
inline constexpr size_t mcp_asks_default = 16;        // of them, where the config does not say
inline constexpr size_t mcp_rounds_max = 16;          // of input_required, of one call
inline constexpr size_t mcp_replies_max = 256;        // to requests of a server, on their way to it
inline constexpr size_t mcp_separate_max = 32;        // connections of single clients, per server
inline constexpr int64_t mcp_idle_seconds = 300;      // until such a connection ends
inline constexpr int64_t mcp_page_items_max = 1'000;  // that mcp.pageSize may ask for
inline constexpr size_t mcp_elicitations_max = 256;   // begun elsewhere, of a session or connection
inline constexpr size_t mcp_elicitation_bytes_max = 512;        // the id of one
inline constexpr size_t mcp_list_bytes_max = 16 * 1024 * 1024;  // one list of a server

inline constexpr size_t approvals_max = 10'000;           // calls that wait for a person
inline constexpr size_t approvals_of_one_max = 100;       // of one root token
inline constexpr size_t approval_shown_bytes_max = 2048;  // of the arguments, for who decides

inline constexpr size_t invoice_bytes_max = 7089;  // of BOLT 11 text: what one QR code can hold
inline constexpr size_t l402_macaroons_max = 8;    // of one credential
inline constexpr size_t mpp_credential_bytes_max = 24 * 1024;  // of base64url
inline constexpr size_t mpp_json_depth_max = 8;

inline constexpr size_t journal_record_bytes_max = 64 * 1024;
inline constexpr size_t journal_segment_bytes = 64 * 1024 * 1024;
inline constexpr size_t journal_batch_bytes = 1024 * 1024;  // queued at most before it is written
inline constexpr int64_t journal_sync_ms_max = 5;           // default durability

static_assert(target_bytes_max < head_bytes_max);
static_assert(caveat_bytes_max < token_bytes_max);
// Base64 of the largest token plus a scheme word still fits in one head.
static_assert(token_bytes_max * 4 / 3 + 1024 < head_bytes_max);
static_assert(upstream_seconds_max < reservation_seconds_max);
static_assert(mcp_ask_seconds_max < reservation_seconds_max);

}  // namespace satgate::limits
