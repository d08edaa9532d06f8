#include "data/loader.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <system_error>
#include <thread>

#include "core/check.h"
#include "core/threads.h"

namespace fanin {
namespace {

/// Decoded images by sample, as long as they fit.
class ImageCache final {
 public:
  ImageCache(std::size_t samples, std::size_t bytes) : kept_(samples), room_(bytes) {}

  std::shared_ptr<const Image> find(std::size_t i) {
    const std::lock_guard lock(mutex_);
    return kept_[i];
  }

  void offer(std::size_t i, std::shared_ptr<const Image> image) {
    const std::lock_guard lock(mutex_);
    if (kept_[i] != nullptr || image->pixels.size() > room_) return;
    room_ -= image->pixels.size();
    kept_[i] = std::move(image);
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<const Image>> kept_;
  std::size_t room_;
};

/// Makes batches; every function may run in several threads at once.
class Maker final {
 public:
  Maker(std::shared_ptr<const Dataset> data, LoaderOptions options)
      : data_(std::move(data)),
        options_(std::move(options)),
        size_(data_->info().height, data_->info().width),
        cache_(static_cast<std::size_t>(data_->size()), data_->in_memory() ? 0 : options_.cache_bytes) {
    if (options_.normalisation.mean.empty()) options_.normalisation.mean = data_->info().normalisation.mean;
    if (options_.normalisation.std.empty()) options_.normalisation.std = data_->info().normalisation.std;
    to_tensor(std::vector{Image(data_->info().channels, 1, 1)}, options_.normalisation);  // throws if it makes no sense
    for (const double mean : options_.normalisation.mean)
      fill_.push_back(static_cast<std::uint8_t>(std::clamp(std::lround(mean * 255), 0L, 255L)));
  }

  const Dataset& data() const { return *data_; }
  const LoaderOptions& options() const { return options_; }

  /// Nothing if `stop` was raised meanwhile.
  std::optional<Batch> make(std::uint64_t epoch, Dim number, std::vector<Dim> indices, const std::atomic<bool>& stop) {
    std::vector<Image> images;
    std::vector<Stream> streams;
    std::vector<std::int64_t> labels;
    for (const Dim i : indices) {
      if (stop) return std::nullopt;
      Stream& stream = streams.emplace_back(options_.seed, epoch, static_cast<std::uint64_t>(i));
      images.push_back(augment(*image(i), options_.augment, size_, fill_, stream));
      labels.push_back(data_->label(i));
    }
    return Batch{normalised(images, streams), Tensor::from(labels, {static_cast<Dim>(labels.size())}),
                 std::move(indices), number};
  }

 private:
  /// The image before anything random happens to it.
  std::shared_ptr<const Image> image(Dim i) {
    const auto slot = static_cast<std::size_t>(i);
    if (auto kept = cache_.find(slot)) return kept;
    Image decoded = data_->image(i);
    if (!options_.augment.resized_crop) decoded = fit(decoded, size_);
    auto fresh = std::make_shared<const Image>(std::move(decoded));
    cache_.offer(slot, fresh);
    return fresh;
  }

  Tensor normalised(const std::vector<Image>& images, std::vector<Stream>& streams) const {
    if (!options_.augment.jitter) return to_tensor(images, options_.normalisation, options_.dtype);
    Tensor batch = to_tensor(images, options_.normalisation, DType::f32);
    const std::span<float> values = batch.mutable_data<float>();
    const std::size_t each = values.size() / images.size();
    for (std::size_t n = 0; n < images.size(); ++n)
      jitter(values.subspan(n * each, each), images[n].channels, streams[n]);
    return batch.as(options_.dtype);
  }

  std::shared_ptr<const Dataset> data_;
  LoaderOptions options_;
  Size2 size_;
  ImageCache cache_;
  std::vector<std::uint8_t> fill_;
};

/// One epoch under way: batches first … last − 1, handed out in order. Workers make the next `prefetch` of them.
class Run final {
 public:
  Run(Maker& maker, Dim epoch, Dim first, Dim last, std::vector<Dim> order, int workers)
      : maker_(maker),
        epoch_(static_cast<std::uint64_t>(epoch)),
        next_made_(first),
        next_given_(first),
        last_(last),
        order_(std::move(order)) {
    try {
      for (int w = 0; w < workers; ++w) workers_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // The system gives no more threads: those there are, or none, do the work.
    }
  }

  ~Run() {
    stop();
    for (std::thread& worker : workers_) worker.join();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::optional<Batch> next() {
    if (workers_.empty()) return next_given_ < last_ ? make(next_given_++) : std::nullopt;
    std::unique_lock lock(mutex_);
    if (next_given_ >= last_) return std::nullopt;
    ready_.wait(lock, [&] { return made_.contains(next_given_); });
    Made made = std::move(made_.extract(next_given_).mapped());
    ++next_given_;
    room_.notify_one();
    if (made.problem) {
      last_ = next_given_;
      std::rethrow_exception(made.problem);
    }
    return std::move(made.batch);
  }

 private:
  struct Made {
    std::optional<Batch> batch;
    std::exception_ptr problem;
  };

  void stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    room_.notify_all();
  }

  std::optional<Batch> make(Dim number) {
    const Dim size = maker_.options().batch_size;
    const auto begin = order_.begin() + number * size;
    const auto end = order_.begin() + std::min<Dim>((number + 1) * size, static_cast<Dim>(order_.size()));
    return maker_.make(epoch_, number, {begin, end}, stop_);
  }

  void work() {
    const OneThread alone;
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock,
                 [&] { return stop_ || next_made_ >= last_ || next_made_ < next_given_ + maker_.options().prefetch; });
      if (stop_ || next_made_ >= last_) return;
      const Dim number = next_made_++;
      lock.unlock();
      Made made;
      try {
        made.batch = make(number);
      } catch (...) {
        made.problem = std::current_exception();
      }
      lock.lock();
      made_.emplace(number, std::move(made));
      ready_.notify_one();
    }
  }

  Maker& maker_;
  std::uint64_t epoch_;
  std::mutex mutex_;
  std::condition_variable room_, ready_;
  Dim next_made_, next_given_, last_;
  std::vector<Dim> order_;
  std::map<Dim, Made> made_;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace

struct Loader::State {
  Maker maker;
  int workers;
  std::unique_ptr<Run> run;
};

int default_workers() {
  const int budget = threads();
  return budget == 1 ? 0 : std::max(1, budget / 8);
}

Loader::Loader(std::shared_ptr<const Dataset> data, LoaderOptions options) {
  check(options.batch_size >= 1, "loader: batch_size must be at least 1, got ", options.batch_size);
  check(options.prefetch >= 1, "loader: prefetch must be at least 1, got ", options.prefetch);
  check(data->size() > 0, "loader: ", data->info().path, " has no ", name_of(data->info().split), " images");
  check(!options.drop_last || options.batch_size <= data->size(), "loader: a batch of ", options.batch_size,
        " from only ", data->size(), " images; make the batches smaller");
  const int workers = options.workers < 0 ? default_workers() : options.workers;
  state_.reset(new State{Maker(std::move(data), std::move(options)), workers, nullptr});
}

Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;

const Dataset& Loader::data() const { return state_->maker.data(); }
const LoaderOptions& Loader::options() const { return state_->maker.options(); }

Dim Loader::batches() const {
  const Dim samples = data().size(), size = options().batch_size;
  return options().drop_last ? samples / size : (samples + size - 1) / size;
}

std::vector<Dim> Loader::order(Dim epoch) const {
  constexpr std::uint64_t shuffling = ~std::uint64_t{0};  // no sample's number: augmentation has those
  std::vector<Dim> samples(static_cast<std::size_t>(data().size()));
  std::iota(samples.begin(), samples.end(), Dim{0});
  if (!options().shuffle) return samples;
  Stream stream(options().seed, static_cast<std::uint64_t>(epoch), shuffling);
  for (std::size_t i = samples.size(); i > 1; --i)
    std::swap(samples[i - 1], samples[static_cast<std::size_t>(stream.below(static_cast<Dim>(i)))]);
  return samples;
}

void Loader::start(Dim epoch, Dim first) {
  check(epoch >= 0 && first >= 0 && first <= batches(), "loader: no batch ", first, " of ", batches(), " in epoch ",
        epoch);
  state_->run.reset();  // the old workers end before the new ones begin
  state_->run = std::make_unique<Run>(state_->maker, epoch, first, batches(), order(epoch), state_->workers);
}

std::optional<Batch> Loader::next() {
  check<Error>(state_->run != nullptr, "loader: start() an epoch before taking batches");
  return state_->run->next();
}

}  // namespace fanin
