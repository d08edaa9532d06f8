#pragma once

#include <cstdint>

namespace fanin {

/// Instruction sets that kernels are chosen by, at run time.
enum class Isa : std::uint8_t { generic, avx2, avx512 };

/// The best set of this machine; FANIN_ISA=generic|avx2|avx512 in the environment lowers it, for tests.
Isa isa();

namespace detail {
#if defined(__x86_64__)
template <class F>
[[gnu::target("avx2,fma")]] void run_avx2(F& body) {
  body();
}
template <class F>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]] void run_avx512(F& body) {
  body();
}
#endif
}  // namespace detail

/// Runs `body` compiled for the instruction set of this machine. The body is a loop the compiler can vectorise, in a
/// lambda that is always inlined:
///   vectorized([&]() __attribute__((always_inline)) { for (…) y[i] = …; });
/// Everything the loop calls must be inlined too.
template <class F>
void vectorized(F&& body) {
#if defined(__x86_64__)
  switch (isa()) {
    case Isa::avx512: return detail::run_avx512(body);
    case Isa::avx2: return detail::run_avx2(body);
    case Isa::generic: break;
  }
#endif
  body();
}

}  // namespace fanin
