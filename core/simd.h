#pragma once

#include <cstdint>

namespace fanin {

/// Instruction sets that kernels are chosen by, at run time.
enum class Isa : std::uint8_t { generic, avx2, avx512, avx512_bf16 };

/// The best set of this machine; FANIN_ISA=generic|avx2|avx512 in the environment lowers it, for tests.
Isa isa();

namespace detail {

/// body(), or body<set>() where the body wants to know what it is compiled for.
template <Isa set, class F>
[[gnu::always_inline]] inline void call(F& body) {
  if constexpr (requires { body.template operator()<set>(); })
    body.template operator()<set>();
  else
    body();
}

#if defined(__x86_64__)
template <class F>
[[gnu::target("avx2,fma")]] void run_avx2(F& body) {
  call<Isa::avx2>(body);
}
template <class F>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]] void run_avx512(F& body) {
  call<Isa::avx512>(body);
}
template <class F>
[[gnu::target("avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]] void run_avx512_bf16(F& body) {
  call<Isa::avx512_bf16>(body);
}
#endif

}  // namespace detail

/// Runs `body` compiled for the instruction set of this machine. The body is a loop the compiler can vectorise, in a
/// lambda that is always inlined:
///   vectorized([&]() __attribute__((always_inline)) { for (…) y[i] = …; });
/// Everything the loop calls must be inlined too. A body that is a template, `[&]<Isa set>() …`, is told what it is
/// compiled for.
template <class F>
void vectorized(F&& body) {
#if defined(__x86_64__)
  constexpr bool told = requires { body.template operator()<Isa::avx512_bf16>(); };
  switch (isa()) {
    case Isa::avx512_bf16:
      if constexpr (told) return detail::run_avx512_bf16(body);
      [[fallthrough]];
    case Isa::avx512: return detail::run_avx512(body);
    case Isa::avx2: return detail::run_avx2(body);
    case Isa::generic: break;
  }
#endif
  detail::call<Isa::generic>(body);
}

}  // namespace fanin
