#include "wire/cpu_time.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace satgate::bench {
namespace {

// With its descendants: a proxy of stdio servers has them as children.
double process_seconds(int root) {
  double ns = 0;
  std::vector<int> processes(root == 0 ? 0 : 1, root);
  while (!processes.empty()) {
    std::error_code ignored;
    const std::filesystem::path tasks = fmt::format("/proc/{}/task", processes.back());
    processes.pop_back();
    for (const auto& task : std::filesystem::directory_iterator(tasks, ignored)) {
      double ran = 0;
      std::ifstream(task.path() / "schedstat") >> ran;  // first of three: nanoseconds on a core
      ns += ran;
      std::ifstream children(task.path() / "children");
      for (int child = 0; children >> child;)
        processes.push_back(child);
    }
  }
  return ns / 1e9;
}

// user, nice, system, irq and softirq of the first line of /proc/stat; idle and iowait are not
// work, and stolen time is nobody's here.
double busy_seconds() {
  std::string word;
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0;
  std::ifstream("/proc/stat") >> word >> user >> nice >> system >> idle >> iowait >> irq >> softirq;
  return (user + nice + system + irq + softirq) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

CpuTimes operator-(const CpuTimes& a, const CpuTimes& b) {
  return {a.proxy_s - b.proxy_s, a.upstream_s - b.upstream_s, a.own_s - b.own_s,
          a.busy_s - b.busy_s};
}

CpuTimes cpu_times(int proxy_pid, int upstream_pid) {
  return {process_seconds(proxy_pid), process_seconds(upstream_pid), process_seconds(::getpid()),
          busy_seconds()};
}

}  // namespace satgate::bench
