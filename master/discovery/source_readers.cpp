#include "master/discovery/source_readers.hpp"

#include <pthread.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include <boost/asio.hpp>

#include "common/base/log.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {
// How long after news all of it is written, so that many are written once; a disk that refused it
// is tried again as often.
constexpr Duration written_after = 1s;
}  // namespace

// Everything but the thread itself belongs to the thread.
struct SourceReaders::Running {
  Running(std::string data_directory, const Report& all_reports)
      : directory(std::move(data_directory)), report(all_reports) {}

  void set(const std::vector<SourceSpec>& specs, const InstanceLists& known);
  void took(const std::string& source, SourceReport news);
  void write_later();
  void write();
  void stop();

  const std::string directory;
  const Report& report;
  asio::io_context loop{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{loop.get_executor()};
  asio::steady_timer write_timer{loop};
  bool is_written = true;
  bool is_refused = false;                                              // by the disk, last
  std::map<std::string, std::shared_ptr<Reader>, std::less<>> readers;  // by text
  InstanceLists lists;
  std::thread thread;
};

void SourceReaders::Running::set(const std::vector<SourceSpec>& specs, const InstanceLists& known) {
  const auto is_wanted = [&](const auto& reader) {
    return std::any_of(specs.begin(), specs.end(),
                       [&](const auto& spec) { return spec.text == reader.first; });
  };
  std::erase_if(readers, [&](const auto& each) {
    if (is_wanted(each)) return false;
    each.second->stop();
    lists.erase(each.first);
    return true;
  });
  for (const auto& spec : specs) {
    if (readers.contains(spec.text)) continue;
    const auto before = known.find(spec.text);
    const auto list = before == known.end() ? nullptr : before->second;
    if (list != nullptr) lists.insert_or_assign(spec.text, list);
    auto reader = std::make_shared<Reader>(
        loop, make_source(loop, spec), spec.servers.size(), list,
        [this, text = spec.text](SourceReport news) { took(text, std::move(news)); });
    reader->start();
    readers.emplace(spec.text, std::move(reader));
  }
  write_later();
}

void SourceReaders::Running::took(const std::string& source, SourceReport news) {
  if (news.list != nullptr) {
    lists.insert_or_assign(source, news.list);
    write_later();
  }
  report(source, std::move(news));
}

void SourceReaders::Running::write_later() {
  if (directory.empty() || !std::exchange(is_written, false)) return;
  write_timer.expires_after(written_after);
  write_timer.async_wait([this](boost::system::error_code error) {
    if (!error) write();
  });
}

void SourceReaders::Running::write() {
  if (std::exchange(is_written, true)) return;
  const auto stored = store_lists(directory, lists);
  const bool was_refused = std::exchange(is_refused, !stored);
  if (stored) {
    if (was_refused) log::info("instances of registries written again");
    return;
  }
  if (!was_refused) {
    log::warn("instances of registries not written reason=\"{}\"", stored.error().message);
  }
  write_later();  // the disk may have room then
}

void SourceReaders::Running::stop() {
  for (const auto& [text, reader] : readers) reader->stop();
  write();
  write_timer.cancel();
  work.reset();
}

SourceReaders::SourceReaders(std::string directory, Report report)
    : directory_(std::move(directory)), report_(std::move(report)) {}

SourceReaders::~SourceReaders() { stop(); }

void SourceReaders::set(std::vector<SourceSpec> specs, InstanceLists known) {
  if (specs.empty()) return stop();
  if (running_ == nullptr) {
    running_ = std::make_unique<Running>(directory_, report_);
    running_->thread = std::thread([&loop = running_->loop] {
      pthread_setname_np(pthread_self(), "discovery");
      loop.run();
    });
  }
  asio::post(running_->loop, [running = running_.get(), specs = std::move(specs),
                              known = std::move(known)] { running->set(specs, known); });
}

void SourceReaders::stop() {
  if (running_ == nullptr) return;
  asio::post(running_->loop, [running = running_.get()] { running->stop(); });
  running_->thread.join();
  running_.reset();
}

}  // namespace tandem::master
