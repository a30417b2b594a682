// The name of this thread, as `top -H`, debuggers and profiles show it.
#pragma once

#include <pthread.h>

#include <string>

namespace satgate {

// The kernel keeps fifteen bytes of it.
inline void name_this_thread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace satgate
