#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "tools/console.h"

namespace fanin {

/// "4 s", "3 min 20 s", "2 h 05 min".
std::string duration_text(double seconds);
/// "640 kB", "1.4 GB".
std::string bytes_text(double bytes);
/// "1,234,567".
std::string count_text(std::int64_t count);
/// With so many digits after the point: "0.4312".
std::string fixed(double value, int digits);
/// Three figures: "0.00123", "1.2e-05".
std::string brief(double value);

/// What a training says of itself while it runs: on a terminal one line drawn over and over, elsewhere a plain line
/// every ten seconds; and a line at the end of each epoch.
class Progress final {
 public:
  struct State {
    std::int64_t step = 0, total_steps = 0;
    std::int64_t epoch = 0, total_epochs = 0;
    double images_per_second = 0;
    double loss = 0;  // mean of the epoch so far
    double top1 = 0;
    double lr = 0;
    double seconds_left = 0;
  };

  explicit Progress(Console& console);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(const State& state);
  /// "validating 1,200 of 5,000".
  void working(const std::string& words);
  /// A line that stays.
  void line(const std::string& words);
  /// Removes the line that is drawn over.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(const std::string& words);

  Console& console_;
  bool terminal_;
  bool colour_;
  bool drawn_ = false;
  Clock::time_point last_;
};

}  // namespace fanin
