// Memory of coroutine frames, kept by each thread for reuse: after warm-up a request allocates
// nothing. Internal to net.
#pragma once

#include <cstddef>

namespace satgate::net {

void* allocate_frame(size_t size);
void free_frame(void* frame, size_t size) noexcept;  // from any thread

}  // namespace satgate::net
