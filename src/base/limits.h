// Every bound in one place, the unit last. What a person may want to change is a default here and a
// key under `limits` in the config (docs/reference/config.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace satgate::limits {

inline constexpr size_t head_bytes_max = 64 * 1024;         // request or response line and fields
inline constexpr size_t header_count_max = 128;             // fields of one message
inline constexpr size_t target_bytes_max = 16 * 1024;       // request target
inline constexpr size_t body_bytes_max = 32 * 1024 * 1024;  // a body held to decide on it
inline constexpr size_t chunk_line_bytes_max = 256;         // chunk size and extensions
inline constexpr size_t trailer_bytes_max = 8 * 1024;
inline constexpr size_t sse_event_bytes_max = 4 * 1024 * 1024;
inline constexpr size_t stream_window_bytes = 64 * 1024;  // held per direction while streaming

inline constexpr size_t token_bytes_max = 16 * 1024;  // one macaroon, decoded
inline constexpr size_t caveat_count_max = 64;
inline constexpr size_t caveat_bytes_max = 4 * 1024;
inline constexpr size_t delegations_max = 100'000;  // caveats added offline, over all of a token
inline constexpr size_t path_accounts_max = 24;     // accounts one call spends from

inline constexpr int64_t head_seconds_max = 15;  // from the first byte to the end of a head
inline constexpr int64_t idle_seconds_max = 75;  // keep-alive without a request
inline constexpr int64_t connect_seconds_max = 5;
inline constexpr int64_t upstream_seconds_max = 600;  // between two bytes from an upstream
inline constexpr int64_t reservation_seconds_max = 900;
inline constexpr int64_t drain_seconds_max = 30;

inline constexpr size_t connections_max = 10'000;
inline constexpr size_t upstream_idle_max = 256;  // pooled connections per identity and loop

inline constexpr size_t journal_record_bytes_max = 64 * 1024;
inline constexpr size_t journal_segment_bytes = 64 * 1024 * 1024;
inline constexpr size_t journal_batch_bytes = 1024 * 1024;  // queued at most before it is written
inline constexpr int64_t journal_sync_ms_max = 5;           // default durability

static_assert(target_bytes_max < head_bytes_max);
static_assert(caveat_bytes_max < token_bytes_max);
// Base64 of the largest token plus a scheme word still fits in one head.
static_assert(token_bytes_max * 4 / 3 + 1024 < head_bytes_max);
static_assert(upstream_seconds_max < reservation_seconds_max);

}  // namespace satgate::limits
