#include "master/publication/publications.hpp"

#include <pthread.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include <boost/asio.hpp>
#include <fmt/format.h>

#include "common/base/clock.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {
constexpr Duration farewell_look = 5ms;
}  // namespace

// Everything but the thread itself belongs to the thread.
struct Publications::Running {
  Running(const Report& all_reports, const MayPublish& may)
      : report(all_reports), may_publish(may) {}

  struct Written {
    PublicationSpec spec;
    std::shared_ptr<Publication> publication;
  };
  void set(const std::vector<PublicationSpec>& specs);
  void withdraw(const Endpoint& address, Withdrawn withdrawn);
  void stop(Publication::Entries entries);
  void end_farewell();

  const Report& report;
  const MayPublish may_publish;
  asio::io_context loop{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{loop.get_executor()};
  asio::steady_timer farewell{loop};
  Instant farewell_until;
  std::map<std::string, Written, std::less<>> written;  // by text
  std::vector<std::weak_ptr<Publication>> leaving;      // that still take away what they hold
  bool leads = false;
  PublishingMaster master;
  WantedOf wanted;
  std::thread thread;
};

void Publications::Running::set(const std::vector<PublicationSpec>& specs) {
  std::erase_if(written, [&](const auto& each) {
    if (std::find(specs.begin(), specs.end(), each.second.spec) != specs.end()) return false;
    each.second.publication->stop(Publication::Entries::are_withdrawn);
    std::erase_if(leaving, [](const auto& one) { return one.expired(); });
    leaving.push_back(each.second.publication);
    return true;
  });
  for (const auto& spec : specs) {
    if (written.contains(spec.text)) continue;
    auto publication = std::make_shared<Publication>(
        loop, make_publisher(loop, spec, may_publish), spec.registry.servers.size(),
        [this, text = spec.text](PublicationReport news) { report(text, std::move(news)); });
    publication->start();
    if (leads) publication->lead(master, wanted(spec.what));
    written.emplace(spec.text, Written{spec, std::move(publication)});
  }
}

void Publications::Running::withdraw(const Endpoint& address, Withdrawn withdrawn) {
  struct Round {
    std::size_t left = 1;
    std::string problem{};
    Withdrawn withdrawn;
    void answer(std::string why) {
      if (!why.empty() && problem.empty()) problem = std::move(why);
      if (--left == 0) withdrawn(std::move(problem));
    }
  };
  auto round = std::make_shared<Round>();
  round->withdrawn = std::move(withdrawn);
  for (const auto& [text, each] : written) {
    if (each.spec.what != PublicationSpec::What::workers) continue;
    ++round->left;
    each.publication->withdraw(address, [round, text = text](std::string problem) {
      round->answer(problem.empty() ? problem : fmt::format("{}: {}", text, problem));
    });
  }
  round->answer({});
}

void Publications::Running::stop(Publication::Entries entries) {
  for (const auto& [text, each] : written) {
    each.publication->stop(entries);
    leaving.push_back(each.publication);
  }
  written.clear();
  work.reset();
  const bool waits = entries == Publication::Entries::are_withdrawn;
  farewell_until = now() + (waits ? Duration(limits::publication_farewell) : Duration::zero());
  end_farewell();
}

void Publications::Running::end_farewell() {
  std::erase_if(leaving, [](const auto& one) { return one.expired(); });
  if (leaving.empty()) return;
  if (now() >= farewell_until) {
    for (const auto& one : leaving) {
      if (const auto publication = one.lock()) publication->abandon();
    }
    return;
  }
  farewell.expires_after(farewell_look);
  farewell.async_wait([this](boost::system::error_code) { end_farewell(); });
}

Publications::Publications(Report report, MayPublish may_publish)
    : report_(std::move(report)), may_publish_(std::move(may_publish)) {}

Publications::~Publications() { stop(Publication::Entries::stay); }

void Publications::set(std::vector<PublicationSpec> specs) {
  if (running_ == nullptr) {
    if (specs.empty()) return;
    running_ = std::make_unique<Running>(report_, may_publish_);
    running_->thread = std::thread([&loop = running_->loop] {
      pthread_setname_np(pthread_self(), "publication");
      loop.run();
    });
  }
  asio::post(running_->loop,
             [running = running_.get(), specs = std::move(specs)] { running->set(specs); });
}

void Publications::lead(PublishingMaster master, const WantedOf& wanted) {
  if (running_ == nullptr) return;
  asio::post(running_->loop, [running = running_.get(), master = std::move(master), wanted] {
    running->leads = true;
    running->master = master;
    running->wanted = wanted;
    for (const auto& [text, each] : running->written) {
      each.publication->lead(master, wanted(each.spec.what));
    }
  });
}

void Publications::change(const WantedOf& wanted) {
  if (running_ == nullptr) return;
  asio::post(running_->loop, [running = running_.get(), wanted] {
    if (!running->leads) return;
    running->wanted = wanted;
    for (const auto& [text, each] : running->written) {
      each.publication->change(wanted(each.spec.what));
    }
  });
}

void Publications::lead_no_more() {
  if (running_ == nullptr) return;
  asio::post(running_->loop, [running = running_.get()] {
    running->leads = false;
    for (const auto& [text, each] : running->written) each.publication->lead_no_more();
  });
}

void Publications::withdraw(const Endpoint& address, Withdrawn withdrawn) {
  if (running_ == nullptr) return withdrawn({});
  asio::post(running_->loop,
             [running = running_.get(), address, withdrawn = std::move(withdrawn)]() mutable {
               running->withdraw(address, std::move(withdrawn));
             });
}

void Publications::stop(Publication::Entries entries) {
  if (running_ == nullptr) return;
  asio::post(running_->loop, [running = running_.get(), entries] { running->stop(entries); });
  running_->thread.join();
  running_.reset();
}

}  // namespace tandem::master
