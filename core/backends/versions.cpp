#include "core/backends/versions.h"

#include <oneapi/dnnl/dnnl.hpp>

#include "core/backends/blas.h"
#include "core/check.h"

namespace fanin {

namespace {

/// The instruction set oneDNN takes its kernels for, which ONEDNN_MAX_CPU_ISA lowers.
const char* name_of(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41: return "sse41";
    case dnnl::cpu_isa::avx: return "avx";
    case dnnl::cpu_isa::avx2: return "avx2";
    case dnnl::cpu_isa::avx2_vnni: return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core: return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni: return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16: return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx: return "avx512_core_amx";
    default: return "another instruction set";
  }
}

}  // namespace

std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return text(version->major, ".", version->minor, ".", version->patch, " (", name_of(dnnl::get_effective_cpu_isa()),
              ")");
}

std::string openblas_version() { return blas::configuration(); }

}  // namespace fanin
