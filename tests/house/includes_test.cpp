#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "tests/house/source_files.h"

// Who may include whom: the table of the house.

namespace {

const std::map<std::string_view, std::set<std::string_view>> allowed = {
    {"core", {"core"}},
    {"layers", {"core", "layers"}},
    {"init", {"core", "layers", "init"}},
    {"models", {"core", "layers", "models"}},
    {"data", {"core", "data"}},
    {"tools", {"core", "layers", "init", "models", "data", "tools"}},
    {"tests", {"core", "layers", "init", "models", "data", "tools", "tests"}},
};

/// What is wrong with `file` having this include; empty if nothing.
std::string complaint(const SourceFile& file, std::string_view include) {
  const std::string_view inside = include.substr(1, include.size() - 2);
  const bool backend = file.path.starts_with("core/backends/");
  if (include[0] == '"') {
    const std::string_view room = inside.substr(0, inside.find('/'));
    if (!allowed.contains(room)) return "does not begin with a room";
    return allowed.at(file.room()).contains(room) ? "" : "is in a room that this room does not know";
  }
  if (inside.find("dnnl") != inside.npos && !backend && file.name() != "onednn.cpp")
    return "belongs into core/backends/ or a file called onednn.cpp";
  if (inside.find("cblas") != inside.npos && !backend) return "belongs into core/backends/";
  if (inside.find("stb_image") != inside.npos && file.room() != "data") return "belongs into one file of data/";
  return "";
}

/// Whether the word is one of LAPACK's Fortran symbols: sgeqrf_, dorgqr_, …
bool lapack(std::string_view word) {
  constexpr std::string_view matrices[] = {"ge", "or", "sy", "po", "tr"};
  return word.size() >= 6 && word.size() <= 8 && word.ends_with('_') && (word[0] == 's' || word[0] == 'd') &&
         std::ranges::find(matrices, word.substr(1, 2)) != std::end(matrices);
}

}  // namespace

TEST_CASE("includes point the way of the house") {
  int seen = 0;
  for (const SourceFile& file : source_files()) {
    for (const std::string_view line : file.lines()) {
      const std::string_view include = included(line);
      if (include.empty()) continue;
      ++seen;
      INFO(file.path, " includes ", std::string(include));
      CHECK(complaint(file, include) == "");
      if (include[0] == '"') CHECK(std::filesystem::exists(include.substr(1, include.size() - 2)));
    }
  }
  CHECK(seen > 100);
}

TEST_CASE("the test of the includes sees what is wrong") {
  const auto wrong = [](const char* path, std::string_view line) {
    return !complaint(SourceFile{path, ""}, included(line)).empty();
  };
  CHECK(wrong("core/tensor.h", "#include \"layers/module.h\""));
  CHECK(wrong("models/resnext.cpp", "# include \"init/rules.h\""));
  CHECK(wrong("data/loader.cpp", "#include \"layers/module.h\""));
  CHECK(wrong("tools/train.cpp", "#include \"tests/scratch_folder.h\""));
  CHECK(wrong("core/tensor.cpp", "#include \"tensor.h\""));
  CHECK(wrong("core/ops/conv2d/conv2d.cpp", "#include <oneapi/dnnl/dnnl.hpp>"));
  CHECK(wrong("core/ops/linear.cpp", "#include <cblas.h>"));
  CHECK(wrong("tools/preview.cpp", "#include <stb_image.h>"));
  CHECK_FALSE(wrong("core/ops/conv2d/onednn.cpp", "#include <oneapi/dnnl/dnnl.hpp>"));
  CHECK_FALSE(wrong("init/rules.cpp", "#include \"layers/module.h\"  // the tree"));
  CHECK(included("// #include \"a/b.h\"").empty());
  CHECK(included("#define X").empty());
}

TEST_CASE("LAPACK is called in core/backends only, stb_image decodes in one file only") {
  REQUIRE(lapack(SourceFile{"", "void f(){sgeqrf_(&m);}"}.words()[2]));
  std::vector<std::string> decoders;
  for (const SourceFile& file : source_files()) {
    const bool has_stb = std::ranges::any_of(file.lines(), [](std::string_view line) {
      return included(line).find("stb_image.h") != std::string_view::npos;
    });
    if (has_stb) decoders.push_back(file.path);
    if (file.path.starts_with("core/backends/") || file.room() == "tests") continue;
    INFO(file.path);
    CHECK(std::ranges::none_of(file.words(), lapack));
  }
  CHECK(decoders.size() <= 1);
}
