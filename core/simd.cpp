#include "core/simd.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace fanin {

namespace {

Isa detect() {
  Isa best = Isa::generic;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = Isa::avx2;
  if (best == Isa::avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    best = __builtin_cpu_supports("avx512bf16") ? Isa::avx512_bf16 : Isa::avx512;
#endif
  if (const char* limit = std::getenv("FANIN_ISA")) {
    const std::string_view name = limit;
    if (name == "generic") return Isa::generic;
    if (name == "avx2") return std::min(best, Isa::avx2);
    if (name == "avx512") return std::min(best, Isa::avx512);
  }
  return best;
}

}  // namespace

Isa isa() {
  static const Isa best = detect();
  return best;
}

}  // namespace fanin
