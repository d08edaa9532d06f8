#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "core/io/atomic_file.h"
#include "tests/house/source_files.h"

namespace fs = std::filesystem;

TEST_CASE("the top level has the rooms and nothing else") {
  const std::set<std::string> known = {
      "meson.build", "meson_options.txt", "core",   "layers", "models", "init", "data", "tools",
      "tests",       "README.md",         "LICENSE"};
  for (const auto& entry : fs::directory_iterator(".")) {
    const std::string name = entry.path().filename();
    // What git ignores: build folders and runs.
    if (name.starts_with('.') || name.starts_with("build") || name == "runs") continue;
    CAPTURE(name);
    CHECK(known.contains(name));
  }
  for (const std::string& name : known) {
    CAPTURE(name);
    CHECK(fs::exists(name));
  }
}

TEST_CASE("every room says what lives in it") {
  for (const std::string_view room : rooms) {
    const std::string path = std::string(room) + "/README.md";
    CAPTURE(path);
    REQUIRE(fs::exists(path));
    CHECK(fanin::read_file(path).size() > 100);
  }
}

TEST_CASE("files are short enough to be read in one sitting and leave nothing for later") {
  // Put together here, so that this file does not hold what it looks for.
  const std::regex later(std::string(R"(\b(TO)") + "DO|FIX" + "ME|XX" + "X|HA" + R"(CK)\b)");
  REQUIRE(std::regex_search(std::string("// TO") + "DO: more", later));
  for (const SourceFile& file : source_files()) {
    CAPTURE(file.path);
    CHECK_FALSE(std::regex_search(file.text, later));
    CHECK(file.text.find('\t') == std::string::npos);
    if (file.path.starts_with("tests/golden/")) continue;  // tables
    CHECK(file.lines().size() <= 400);
    for (const std::string_view line : file.lines()) {
      // Columns, not bytes: the bytes that continue a UTF-8 character do not count.
      const auto columns = std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; });
      CAPTURE(std::string(line));
      CHECK(columns <= 120);
    }
  }
}

TEST_CASE("files begin with what they are") {
  for (const SourceFile& file : source_files()) {
    CAPTURE(file.path);
    if (file.path.ends_with(".h"))
      CHECK(file.text.starts_with("#pragma once\n"));
    else
      CHECK((file.text.starts_with("#include") || file.text.starts_with("#define")));
  }
}

TEST_CASE("every operator that has a card is in the list") {
  const std::string list = fanin::read_file("core/ops/operators.cpp");
  const std::string built = fanin::read_file("core/ops/meson.build");
  const std::regex definition(R"(OpInfo\s+(\w+_info)\s*\(\)\s*\{)");
  int cards = 0;
  for (const SourceFile& file : source_files()) {
    constexpr std::string_view folder = "core/ops/";
    if (!file.path.starts_with(folder) || built.find(file.path.substr(folder.size())) == built.npos) continue;
    for (std::sregex_iterator match(file.text.begin(), file.text.end(), definition), end; match != end; ++match) {
      ++cards;
      INFO(file.path, " defines ", (*match)[1].str());
      CHECK(list.find((*match)[1].str() + "()") != std::string::npos);
    }
  }
  CHECK(cards > 5);
}
