#include "models/arguments.h"

#include <charconv>

#include "core/nearest.h"
#include "core/ops/adaptive_avg_pool2d.h"
#include "core/ops/reshape.h"

namespace fanin {

namespace {

template <class Number>
Number parse(std::string_view name, const std::string& text, std::string_view kind) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  check<Error>(error == std::errc() && stop == end, "model argument ", name, " must be ", kind, ", got '", text, "'");
  return value;
}

}  // namespace

void check_count(std::string_view model, std::string_view argument, Dim value) {
  check(value >= 1 && value <= 1'000'000, model, ": ", argument, " must be between 1 and 1,000,000, got ", value);
}

void check_square_images(std::string_view model, const Tensor& x, Dim channels, Dim side) {
  const Shape& shape = x.shape();
  check(shape.rank() == 4 && shape == Shape{shape[0], channels, side, side}, model,
        ": this one was built for images [N, ", channels, ", ", side, ", ", side, "], got ", shape,
        "; build it with other in_channels and image_size");
}

const std::string& ArgumentReader::text_of(std::string_view name) const {
  const auto found = arguments_.find(name);
  check<Error>(found != arguments_.end(), "model argument ", name, " is missing");
  return found->second;
}

Dim ArgumentReader::whole(std::string_view name) const { return parse<Dim>(name, text_of(name), "a whole number"); }

double ArgumentReader::real(std::string_view name) const { return parse<double>(name, text_of(name), "a number"); }

std::string_view ArgumentReader::one_of(std::string_view name, const std::vector<std::string_view>& words) const {
  const std::string& given = text_of(name);
  for (const std::string_view word : words)
    if (word == given) return word;
  fail<Error>("model argument ", name, " cannot be '", given, "'", did_you_mean(given, words));
}

Tensor global_average(const Tensor& x) { return flatten(adaptive_avg_pool2d(x, 1)); }

}  // namespace fanin
