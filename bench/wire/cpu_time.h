// CPU time of processes and of the whole machine, from /proc.
#pragma once

namespace satgate::bench {

struct CpuTimes {
  double proxy_s = 0;  // all threads, with those of child processes, as the scheduler counts
  double upstream_s = 0;
  double own_s = 0;   // this process
  double busy_s = 0;  // all cores, in steps of 10 ms
};

CpuTimes operator-(const CpuTimes& a, const CpuTimes& b);

// Since boot, or since the process began; 0 for a pid of 0.
CpuTimes cpu_times(int proxy_pid, int upstream_pid);

}  // namespace satgate::bench
