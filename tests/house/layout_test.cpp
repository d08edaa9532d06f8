#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
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
  const std::set<std::string> later = {std::string("TO") + "DO", std::string("FIX") + "ME", std::string("HA") + "CK"};
  for (const SourceFile& file : source_files()) {
    CAPTURE(file.path);
    for (const std::string_view word : file.words()) CHECK_FALSE(later.contains(std::string(word)));
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
  int cards = 0;
  for (const SourceFile& file : source_files()) {
    constexpr std::string_view folder = "core/ops/";
    if (!file.path.starts_with(folder) || built.find(file.path.substr(folder.size())) == built.npos) continue;
    for (const std::string_view word : file.words()) {
      // A definition: OpInfo relu_info() {
      const std::size_t end = static_cast<std::size_t>(word.data() + word.size() - file.text.data());
      if (!word.ends_with("_info") || file.text.compare(end, 4, "() {") != 0) continue;
      ++cards;
      INFO(file.path, " defines ", std::string(word));
      CHECK(list.find(std::string(word) + "()") != std::string::npos);
    }
  }
  CHECK(cards > 5);
}
