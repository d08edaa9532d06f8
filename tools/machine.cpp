#include "tools/machine.h"

#include <sys/utsname.h>

#include <array>
#include <fstream>
#include <string_view>

#include "core/backends/versions.h"
#include "core/simd.h"
#include "core/threads.h"
#include "tools/estimate.h"

namespace fanin {

namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (const std::size_t colon = line.find(": "); colon != std::string::npos) return line.substr(colon + 2);
  return "unknown";
}

std::string_view name_of(Isa isa) {
  constexpr std::array<std::string_view, 4> names{"generic", "avx2", "avx512", "avx512_bf16"};
  return names[static_cast<std::size_t>(isa)];
}

}  // namespace

Json machine() {
  utsname system{};
  uname(&system);
  Json facts = Json::object();
  facts.set("processor", processor()).set("system", text(system.sysname, " ", system.release, " ", system.machine));
  facts.set("cores", available_cores()).set("threads", threads()).set("instruction_set", name_of(isa()));
  facts.set("free_memory_bytes", static_cast<std::uint64_t>(available_memory()));
  return facts.set("onednn", onednn_version()).set("openblas", openblas_version());
}

}  // namespace fanin
