#include "common/client/src/watch.hpp"

#include <utility>

namespace tandem {

ServiceWatch::Body::Body(std::shared_ptr<client::Directory> directory, std::string service,
                         std::function<void(const ServiceView&)> changed, WatchOptions options,
                         std::string wrong)
    : directory_(std::move(directory)),
      service_(std::move(service)),
      changed_(std::move(changed)),
      options_(std::move(options)),
      wrong_(std::move(wrong)),
      thread_([this] { run(); }) {}

void ServiceWatch::Body::stop() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (std::this_thread::get_id() == thread_.get_id()) return;
  const Lock lock(joining_);
  if (thread_.joinable()) thread_.join();
}

void ServiceWatch::Body::run() {
  if (!wrong_.empty()) {
    if (options_.failed) options_.failed({ClientErrorCode::invalid, wrong_, 0});
    return;
  }
  do {
    look();
  } while (wait());
}

// False: the watch must stop.
bool ServiceWatch::Body::wait() {
  Lock lock(mutex_);
  return !stopped_.wait_for(lock.native(), options_.interval, [this] { return stopping_.load(); });
}

void ServiceWatch::Body::look() {
  const auto view = directory_->service(service_, options_.timeout);
  if (stopping_) return;
  if (!view.ok()) {
    const bool told = std::exchange(fails_, true);
    if (!told && options_.failed) {
      options_.failed({ClientErrorCode::unreachable, view.error().message, 0});
    }
    return;
  }
  fails_ = false;
  const bool same = seen_ && seen_->workers == view->workers;
  seen_ = *view;
  if (!same) changed_(*view);
}

ServiceWatch::ServiceWatch(std::unique_ptr<Body> body) : body_(std::move(body)) {}
ServiceWatch::~ServiceWatch() { stop(); }
void ServiceWatch::stop() { body_->stop(); }

}  // namespace tandem
