#include "tools/progress.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace fanin {

std::string fixed(double value, int digits) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, value);
  return buffer.data();
}

std::string brief(double value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.3g", value);
  return buffer.data();
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds)) return "unknown";
  const auto whole = static_cast<std::int64_t>(std::llround(std::max(seconds, 0.0)));
  if (whole < 60) return text(whole, " s");
  if (whole < 3600) return text(whole / 60, " min ", whole % 60, " s");
  const std::int64_t minutes = whole / 60 % 60;
  return text(whole / 3600, " h ", minutes < 10 ? "0" : "", minutes, " min");
}

std::string bytes_text(double bytes) {
  constexpr std::array<std::string_view, 5> units{"bytes", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < units.size(); ++unit) bytes /= 1000;
  return fixed(bytes, unit == 0 || bytes >= 100 ? 0 : 1) + " " + std::string(units[unit]);
}

std::string count_text(std::int64_t count) {
  std::string digits = text(count);
  for (auto at = static_cast<std::int64_t>(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

Progress::Progress(Console& console)
    : console_(console), terminal_(Console::is_terminal()), colour_(Console::has_colour()), last_(Clock::now()) {}

void Progress::step(const State& s) {
  const double since = std::chrono::duration<double>(Clock::now() - last_).count();
  if (since < (terminal_ ? 0.1 : 10)) return;
  const double done = static_cast<double>(s.step) / static_cast<double>(std::max<std::int64_t>(s.total_steps, 1));
  std::string words = text("epoch ", s.epoch, "/", s.total_epochs, "  step ", s.step, "/", s.total_steps, "  ");
  if (terminal_) {
    constexpr int width = 16;
    const int filled = static_cast<int>(done * width);
    std::string bar;
    for (int i = 0; i < width; ++i) bar += i < filled ? "━" : "─";
    words += (colour_ ? "\033[32m" + bar + "\033[0m" : bar) + "  ";
  }
  words += text(count_text(std::llround(s.images_per_second)), " images/s  loss ", fixed(s.loss, 4), "  top1 ",
                fixed(100 * s.top1, 1), "%  lr ", brief(s.lr), "  ", duration_text(s.seconds_left), " left");
  draw(words);
}

void Progress::working(const std::string& words) {
  if (terminal_ && std::chrono::duration<double>(Clock::now() - last_).count() >= 0.1) draw(words);
}

void Progress::line(const std::string& words) {
  clear();
  console_.note(words);
  last_ = Clock::now();
}

void Progress::clear() {
  if (drawn_) Console::write_error("\r\033[K");
  drawn_ = false;
}

void Progress::draw(const std::string& words) {
  last_ = Clock::now();
  if (console_.quiet()) return;
  if (!terminal_) return console_.note(words);
  // A line longer than the terminal would scroll, so wrapping is switched off while it is written.
  Console::write_error("\r\033[?7l" + words + "\033[K\033[?7h");
  drawn_ = true;
}

}  // namespace fanin
