#include "worker/src/service_thread.hpp"

#include <memory>
#include <utility>

#include "common/base/assert.hpp"
#include "worker/src/limits.hpp"

namespace tandem {

ServiceThread::ServiceThread(std::function<void()> work) {
  auto owned = std::make_unique<std::function<void()>>(std::move(work));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, limits::worker_stack_bytes);
  const auto run = [](void* argument) -> void* {
    const std::unique_ptr<std::function<void()>> taken(
        static_cast<std::function<void()>*>(argument));
    (*taken)();
    return nullptr;
  };
  runs_ = pthread_create(&thread_, &attributes, run, owned.get()) == 0;
  if (runs_) static_cast<void>(owned.release());  // the thread owns it now
  pthread_attr_destroy(&attributes);
}

ServiceThread::ServiceThread(ServiceThread&& other) noexcept
    : thread_(other.thread_), runs_(std::exchange(other.runs_, false)) {}

ServiceThread::~ServiceThread() { TANDEM_ASSERT(!runs_); }

void ServiceThread::join() {
  pthread_join(thread_, nullptr);
  runs_ = false;
}

}  // namespace tandem
