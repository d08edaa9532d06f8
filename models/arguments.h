#pragma once

#include <string_view>

#include "models/models.h"

namespace fanin {

/// Throws ShapeError unless a model's size, such as its number of classes, is between 1 and a million.
void check_count(std::string_view model, std::string_view argument, Dim value);

/// Throws ShapeError unless x is [N, channels, side, side].
void check_square_images(std::string_view model, const Tensor& x, Dim channels, Dim side);

/// Reads a model's arguments. Throws Error naming the argument and what it must be.
class ArgumentReader final {
 public:
  explicit ArgumentReader(const ModelArguments& arguments) : arguments_(arguments) {}
  Dim whole(std::string_view name) const;
  double real(std::string_view name) const;
  std::string_view one_of(std::string_view name, const std::vector<std::string_view>& words) const;

 private:
  const std::string& text_of(std::string_view name) const;
  const ModelArguments& arguments_;
};

/// Mean over the image: [N, C, H, W] → [N, C].
Tensor global_average(const Tensor& x);

}  // namespace fanin
