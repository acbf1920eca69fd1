// watch.hpp: the thread of a ServiceWatch.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "common/base/mutex.hpp"
#include "common/client/src/directory.hpp"
#include "tandem/client.hpp"

namespace tandem {

class ServiceWatch::Body {
 public:
  // `wrong`: what is wrong with the options; if not empty, it is reported and nothing else happens.
  Body(std::shared_ptr<client::Directory> directory, std::string service,
       std::function<void(const ServiceView&)> changed, WatchOptions options, std::string wrong);

  void stop();

 private:
  void run();
  void look();
  bool wait();

  const std::shared_ptr<client::Directory> directory_;
  const std::string service_;
  const std::function<void(const ServiceView&)> changed_;
  const WatchOptions options_;
  const std::string wrong_;
  std::optional<ServiceView> seen_;
  bool fails_ = false;
  Mutex mutex_;
  std::condition_variable stopped_;
  std::atomic<bool> stopping_ = false;
  Mutex joining_;
  std::thread thread_;
};

}  // namespace tandem
