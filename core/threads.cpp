#include "core/threads.h"

#include <sched.h>

#include <cmath>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>

#include "core/backends/blas.h"

// libgomp's own entry points, declared here rather than taken through `#pragma omp`: fanin and oneDNN then share one
// pool of threads whichever compiler builds fanin.
extern "C" {
void GOMP_parallel(void (*run)(void*), void* data, unsigned threads, unsigned flags);
int omp_get_thread_num();
int omp_get_num_threads();
void omp_set_num_threads(int count);
int omp_in_parallel();
}

namespace fanin {

namespace {

/// Cores that the cgroup's quota allows (version 2, then 1), or a large number without one.
double quota() {
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file) {
    std::string limit;
    double period = 0;
    if (file >> limit >> period && limit != "max" && period > 0) return std::stod(limit) / period;
  }
  double microseconds = 0;
  double period = 0;
  if (std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> microseconds && microseconds > 0 &&
      std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period && period > 0)
    return microseconds / period;
  return 1e9;
}

/// Results below the smallest normal number become zero, and such operands count as zero: networks whose activations
/// fade would otherwise run many times slower.
void flush_denormals() {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040U);
#elif defined(__aarch64__)
  std::uint64_t control = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  __asm__ volatile("msr fpcr, %0" : : "r"(control | (std::uint64_t{1} << 24)));
#endif
}

int budget = 0;  // 0: not yet decided
thread_local bool alone = false;

struct Job {
  void (*run)(void*, int);
  void* body;
  int parts;
  std::once_flag failed = {};
  std::exception_ptr error = {};
};

/// Parts are dealt out by thread number, also if the runtime gave fewer threads than asked. An exception must not leave
/// through OpenMP's code, which would end the program: the first one waits for the thread that started the job.
void run_job(void* opaque) {
  Job& job = *static_cast<Job*>(opaque);
  try {
    for (int part = omp_get_thread_num(); part < job.parts; part += omp_get_num_threads()) job.run(job.body, part);
  } catch (...) {
    std::call_once(job.failed, [&] { job.error = std::current_exception(); });
  }
}

}  // namespace

int available_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const int affine = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
  return std::max(1, std::min(affine, static_cast<int>(std::min(std::ceil(quota()), 1e6))));
}

void set_threads(int count) {
  check(count >= 1, "threads: at least 1, got ", count);
  budget = count;
  omp_set_num_threads(count);
  blas::use_one_thread();
  GOMP_parallel([](void*) { flush_denormals(); }, nullptr, static_cast<unsigned>(count), 0);
}

int threads() {
  if (budget == 0) set_threads(available_cores());
  return budget;
}

OneThread::OneThread() : outer_(alone) { alone = true; }
OneThread::~OneThread() { alone = outer_; }

namespace detail {

void parallel(int parts, void (*run)(void*, int), void* body) {
  if (alone || omp_in_parallel()) {
    for (int part = 0; part < parts; ++part) run(body, part);
    return;
  }
  Job job{run, body, parts};
  GOMP_parallel(run_job, &job, static_cast<unsigned>(parts), 0);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace detail

}  // namespace fanin
