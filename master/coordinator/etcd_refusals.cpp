// The part of EtcdCoordination that knows what etcd refuses, though it answers: to be written when
// it is full, or to whoever may not read or write.
#include <chrono>
#include <ctime>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "master/coordinator/etcd_coordination.hpp"
#include "master/coordinator/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

std::string coordinator_clock() {
  const auto time = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  const auto size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, size};
}

// It compares what never holds, so it changes nothing; etcd refuses it all the same when it would
// refuse a change.
asio::awaitable<void> EtcdCoordination::try_writing() {
  if (now() < try_again_) co_return;
  EtcdTxn txn;
  txn.when_created(keys_.leader(), limits::coordinator_revision_never)
      .put(keys_.leader(), node_document(options_.node));
  auto committing = writer_.commit(std::move(txn), limits::coordinator_answer_max);
  const auto answer = co_await std::move(committing);
  if (is_over()) co_return;
  answer ? allowed() : note_failure(answer.error());
  try_again_ =
      now() + (refusal_ ? limits::coordinator_try_again : limits::coordinator_try_interval);
}

void EtcdCoordination::note_failure(const Error& error) {
  if (error.code == ErrorCode::conflict) refused(error.message);
}

// One that cannot be read for longer than a lease lasts, though it answers other questions.
void EtcdCoordination::note_unread(const Error& error) {
  log::debug("etcd cannot be read reason=\"{}\"", error.message);
  if (!unread_since_) unread_since_ = now();
  const bool is_lasting =
      !unreached_since_ && now() - *unread_since_ >= coordinator_lease(options_.timing);
  if (is_lasting || error.code == ErrorCode::conflict) refused(error.message);
}

void EtcdCoordination::refused(const std::string& why) {
  try_again_ = Instant::never();
  if (refusal_ && refusal_->what == why) return;
  const bool is_new = !refusal_;
  if (is_new) refusal_ = Since{now(), coordinator_clock(), why};
  refusal_->what = why;
  if (is_new) log::warn("etcd refuses what it is asked node={} reason=\"{}\"", options_.node, why);
  refuse_waiting(refusal_text());
  publish_view();
}

void EtcdCoordination::allowed() {
  if (!refusal_) return;
  const std::chrono::duration<double> time = now() - refusal_->at;
  log::info("etcd does again what it is asked node={} after_s={:.1f}", options_.node, time.count());
  refusal_.reset();
  publish_view();
}

}  // namespace tandem::master
