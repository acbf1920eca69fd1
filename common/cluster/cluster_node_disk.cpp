// cluster_node_disk.cpp: a member whose disk refuses to write its log, and later works again.
//
// It continues with everything that needs no writing (core/refusing_disk.cpp), tells its operators
// and the other members, and has recovered when its whole state is on the disk.

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/log.hpp"
#include "common/cluster/cluster_node.hpp"

namespace tandem::cluster {

namespace {

// The end of the text, which says what is wrong; in printable characters, because it is sent to
// other members.
std::string excerpt(std::string_view failure) {
  if (failure.size() > wire::disk_failure_bytes_max) {
    failure.remove_prefix(failure.size() - wire::disk_failure_bytes_max);
  }
  std::string text;
  for (const char byte : failure) text += byte >= ' ' && byte <= '~' ? byte : '?';
  return text;
}

}  // namespace

void ClusterNode::disk_failed(const Error& error) {
  if (stopped_ || !failure_.empty()) return;
  if (disk_failure_.empty()) {
    disk_failed_at_ = now();
    log::error("log cannot be written, retried every {} node={} reason=\"{}\"",
               to_string(disk_retry), options_.node, error.message);
  }
  disk_failure_ = excerpt(error.message);
  rewriting_ = false;
  held_.clear();
  step(core::DiskFailed{unfit()});
  tell_of_disk();
}

void ClusterNode::disk_works() {
  if (stopped_ || !failure_.empty()) return;
  rewriting_ = true;
  step(core::DiskWorks{});
}

void ClusterNode::written(core::WriteNumber number) {
  if (std::exchange(rewriting_, false)) {
    disk_failure_.clear();
    log::info("log is written again node={} after={}", options_.node,
              to_string(std::chrono::ceil<std::chrono::milliseconds>(now() - disk_failed_at_)));
    tell_of_disk();
  }
  step(core::Durable{number});
}

// Masters that report that they cannot write a vote.
std::set<core::NodeId> ClusterNode::unfit() const {
  std::set<core::NodeId> unfit;
  for (const auto& [node, known] : known_) {
    if (!known.disk_failure.empty()) unfit.insert(node);
  }
  return unfit;
}

// Envelopes carry it, and a node that has nothing to answer sends none otherwise.
void ClusterNode::tell_of_disk() {
  for (const auto& [node, link] : links_) link->greet();
}

}  // namespace tandem::cluster
