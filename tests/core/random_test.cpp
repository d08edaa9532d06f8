#include "core/random.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>

#include "core/threads.h"
#include "tests/golden/reference_table.h"

namespace fanin {
namespace {

using golden::Row;

template <class T, class Draw>
void draw_row(const Row& row, Draw draw) {
  std::vector<T> values(row.count);
  draw(std::span<T>(values));
  row.expect<T>(values);
}

using DrawFunction = void (*)(const Row&, Generator&);

// One entry for every quantity of the table that is a single call on a fresh generator.
const std::map<std::string, DrawFunction> quantities = {
    {"u01", [](const Row& r, Generator& g) { draw_row<float>(r, [&](auto out) { g.uniform(out); }); }},
    {"uab", [](const Row& r, Generator& g) { draw_row<float>(r, [&](auto out) { g.uniform(out, -0.37, 0.91); }); }},
    {"usym",
     [](const Row& r, Generator& g) {
       const double bound = 1 / std::sqrt(27.0);
       draw_row<float>(r, [&](auto out) { g.uniform(out, -bound, bound); });
     }},
    {"u01d", [](const Row& r, Generator& g) { draw_row<double>(r, [&](auto out) { g.uniform(out); }); }},
    {"uabd", [](const Row& r, Generator& g) { draw_row<double>(r, [&](auto out) { g.uniform(out, -0.37, 0.91); }); }},
    {"n01", [](const Row& r, Generator& g) { draw_row<float>(r, [&](auto out) { g.normal(out); }); }},
    {"n0s",
     [](const Row& r, Generator& g) { draw_row<float>(r, [&](auto out) { g.normal(out, 0, std::sqrt(2.0 / 27)); }); }},
    {"nms", [](const Row& r, Generator& g) { draw_row<float>(r, [&](auto out) { g.normal(out, 0.3, 0.7); }); }},
    {"n01d", [](const Row& r, Generator& g) { draw_row<double>(r, [&](auto out) { g.normal(out); }); }},
    {"nmsd", [](const Row& r, Generator& g) { draw_row<double>(r, [&](auto out) { g.normal(out, 0.3, 0.7); }); }},
    {"nstr", [](const Row& r, Generator& g) { draw_row<float>(r, [&](auto out) { g.normal_serial(out, 0.3, 0.7); }); }},
    {"bern", [](const Row& r, Generator& g) { draw_row<float>(r, [&](auto out) { g.bernoulli(out, 0.3); }); }},
    {"bernt",
     [](const Row& r, Generator& g) {
       const std::vector<float> p(r.count, 0.3F);
       draw_row<float>(r, [&](auto out) { g.bernoulli(out, std::span(p)); });
     }},
    {"perm",
     [](const Row& r, Generator& g) { r.expect<std::int64_t>(g.randperm(static_cast<std::int64_t>(r.count))); }},
    {"rint",
     [](const Row& r, Generator& g) { draw_row<std::int64_t>(r, [&](auto out) { g.randint(out, -5, 1000); }); }},
    {"rintw",
     [](const Row& r, Generator& g) {
       draw_row<std::int64_t>(r, [&](auto out) { g.randint(out, -5, std::int64_t{1} << 40); });
     }},
};

TEST_CASE("Generator draws PyTorch's bits: every seed, size and distribution") {
  std::set<std::string> seen;
  for (const Row& row : golden::reference_rows())
    if (const auto found = quantities.find(row.quantity); found != quantities.end()) {
      CAPTURE(row.line);
      for (const Generator::Path path : row.paths) {
        Generator generator(row.seed, path);
        found->second(row, generator);
      }
      seen.insert(row.quantity);
    }
  CHECK(seen.size() == quantities.size());
}

TEST_CASE("Generator keeps its spare normal across block fills and uniforms, as PyTorch does") {
  int rows = 0;
  std::map<std::uint64_t, Generator> generators;
  for (const Row& row : golden::reference_rows()) {
    if (!row.quantity.starts_with("seq_")) continue;
    CAPTURE(row.line);
    Generator& g = generators.try_emplace(row.seed, row.seed).first->second;
    if (row.paths.front() != Generator::Path::simd) continue;
    if (row.quantity == "seq_d")
      draw_row<float>(row, [&](auto out) { g.uniform(out); });
    else if (row.quantity == "seq_g")
      row.expect<std::int64_t>(std::vector{static_cast<std::int64_t>(g.random64() & 0x7fffffffffffffffU)});
    else
      draw_row<float>(row, [&](auto out) { g.normal(out); });
    ++rows;
  }
  CHECK(rows == 4 * 7);
}

TEST_CASE("a shuffled DataLoader's order follows from random64 and randperm") {
  int rows = 0;
  std::map<std::uint64_t, Generator> generators;
  for (const Row& row : golden::reference_rows()) {
    if (!row.quantity.starts_with("dl")) continue;
    CAPTURE(row.line);
    Generator& g = generators.try_emplace(row.seed, row.seed).first->second;
    if (row.quantity == "dlafter")
      draw_row<float>(row, [&](auto out) { g.uniform(out); });
    else {
      g.discard(2);  // the workers' base seed
      row.expect<std::int64_t>(Generator(g.random64()).randperm(static_cast<std::int64_t>(row.count)));
    }
    ++rows;
  }
  CHECK(rows == 4 * 3);
}

TEST_CASE("Generator takes the low 32 bits of any seed") {
  CHECK(Generator(7).random() == Generator(7 + (std::uint64_t{1} << 32)).random());
  CHECK(Generator(~std::uint64_t{0}).random() == Generator(0xffffffffU).random());
  CHECK(Generator(~std::uint64_t{0}).initial_seed() == ~std::uint64_t{0});
}

TEST_CASE("Generator: bulk words and discard equal single words, from any place in the stream") {
  for (const std::size_t start : {0, 1, 623, 624, 700}) {
    Generator one(5);
    Generator bulk(5);
    Generator skip(5);
    for (std::size_t i = 0; i < start; ++i) one.random(), bulk.random(), skip.random();
    std::vector<std::uint32_t> words(3001);
    bulk.random(words);
    for (const std::uint32_t word : words) CHECK(word == one.random());
    skip.discard(words.size());
    CHECK(skip.random() == one.random());
  }
}

TEST_CASE("Generator's state holds everything that decides what comes next") {
  Generator g(3, Generator::Path::scalar);
  std::vector<float> some(5);
  g.normal(some);  // leaves a spare
  const std::string state = g.state();
  std::vector<float> expected(40);
  g.normal(std::span(expected).first(3));
  g.normal(std::span(expected).last(37));

  Generator other(99);
  other.restore(state);
  std::vector<float> actual(40);
  other.normal(std::span(actual).first(3));
  other.normal(std::span(actual).last(37));
  CHECK(actual == expected);
  CHECK(other.initial_seed() == 3);
  CHECK(other.path() == Generator::Path::scalar);
  CHECK(other.state() == g.state());
}

TEST_CASE("Generator refuses what is no state, and keeps its own") {
  Generator g(3);
  const std::string good = g.state();
  const std::string bad[] = {"",
                             "mt19937",
                             "xoshiro" + good.substr(7),
                             good.substr(0, good.size() / 2),
                             good + " 1",
                             "mt19937 3 simd 625" + good.substr(18),
                             "mt19937 3 simd 624 zz" + good.substr(20)};
  for (const std::string& text : bad) CHECK_THROWS_AS(g.restore(text), NumericError);
  CHECK(g.state() == good);
}

TEST_CASE("Generator refuses ranges and scales that mean nothing") {
  Generator g(0);
  std::vector<float> f(20);
  std::vector<std::int64_t> i(2);
  CHECK_THROWS_AS(g.uniform(f, 1, 0), NumericError);
  CHECK_THROWS_AS(g.uniform(f, NAN, 1), NumericError);
  CHECK_THROWS_AS(g.uniform(f, -3e38, 3e38), NumericError);
  CHECK_THROWS_AS(g.normal(f, 0, -1), NumericError);
  CHECK_THROWS_AS(g.normal(f, 0, NAN), NumericError);
  CHECK_THROWS_AS(g.bernoulli(f, 1.5), NumericError);
  CHECK_THROWS_AS(g.bernoulli(f, std::vector<float>(20, -1.0F)), NumericError);
  CHECK_THROWS_AS(g.bernoulli(f, std::vector<float>(3)), ShapeError);
  CHECK_THROWS_AS(g.randint(i, 4, 4), NumericError);
  CHECK_THROWS_AS(g.randperm(-1), NumericError);
  CHECK(g.state() == Generator(0).state());  // nothing was drawn
}

TEST_CASE("a fill is the same on any number of threads") {
  const int before = threads();
  std::vector<float> one(100'003);
  std::vector<float> many(one.size());
  set_threads(1);
  Generator(8).normal(one, 0.3, 0.7);
  set_threads(3);
  Generator(8).normal(many, 0.3, 0.7);
  set_threads(before);
  CHECK(one == many);
}

TEST_CASE("philox gives the known answers of Random123") {
  using Block = std::array<std::uint32_t, 4>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t ones = 0xffffffff;
  CHECK(philox({ones, ones, ones, ones}, {ones, ones}) == Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a Stream depends on seed, a and b, and on nothing else") {
  Stream first(1, 2, 3);
  Stream again(1, 2, 3);
  for (int i = 0; i < 9; ++i) CHECK(first.bits() == again.bits());
  std::set<std::uint32_t> starts;
  for (std::uint64_t seed : {0, 1})
    for (std::uint64_t a = 0; a < 10; ++a)
      for (std::uint64_t b = 0; b < 10; ++b) starts.insert(Stream(seed, a, b).bits());
  CHECK(starts.size() == 200);
}

TEST_CASE("a Stream's moments and bounds are right") {
  Stream s(4);
  const int n = 100'000;
  double sum = 0, squares = 0, normal_sum = 0, normal_squares = 0;
  std::array<int, 7> faces{};
  int heads = 0;
  for (int i = 0; i < n; ++i) {
    const double u = s.uniform(-1, 1);
    CHECK_UNARY(u >= -1 && u < 1);
    const double z = s.normal();
    sum += u, squares += u * u, normal_sum += z, normal_squares += z * z;
    ++faces.at(static_cast<std::size_t>(s.below(7)));
    heads += s.chance(0.2);
  }
  const double tolerance = 4 / std::sqrt(n);  // four standard errors of a unit-variance mean
  CHECK(std::abs(sum / n) < tolerance * std::sqrt(1.0 / 3));
  CHECK(std::abs(squares / n - 1.0 / 3) < tolerance * std::sqrt(4.0 / 45));
  CHECK(std::abs(normal_sum / n) < tolerance);
  CHECK(std::abs(normal_squares / n - 1) < tolerance * std::sqrt(2.0));
  CHECK(std::abs(heads / double(n) - 0.2) < tolerance * 0.4);
  for (const int face : faces) CHECK(std::abs(face / double(n) - 1.0 / 7) < tolerance * std::sqrt(6.0) / 7);
  CHECK_THROWS_AS(s.below(0), NumericError);
}

}  // namespace
}  // namespace fanin
