// tracer.hpp: which requests are traced, and where their spans go: to a collector of OpenTelemetry,
// by OTLP over HTTP as JSON, on a thread of its own.
//
// A loop copies spans into its ring and goes on. This thread empties the rings twice a second and
// posts what it finds. A collector that is slow, gone or unwilling costs spans, which are counted,
// and no request anything: what it did not take is lost, and what finds no room meanwhile as well.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/histogram.hpp"
#include "common/base/mutex.hpp"
#include "master/forward/tracing/span_ring.hpp"

namespace tandem {
class BlockingClient;
}

namespace tandem::master {

struct TracingOptions {
  std::optional<Endpoint> collector;  // unset: no span is kept
  std::string path = "/v1/traces";    // there
  // Requests that come without a context get one here; this part of them is sampled, in thousandths
  // of a per cent. Unset: they stay without.
  std::optional<unsigned> started;
  static constexpr unsigned all = 100'000;

  bool is_on() const { return collector || started; }
};

class Tracer {
 public:
  // `loops`: how many rings. `node`: the name of this master.
  Tracer(TracingOptions options, std::string node, unsigned loops);
  // Sends what is still in the rings, if the collector took the last ones. REQUIRES: no loop uses
  // it any more.
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  const TracingOptions& options() const { return options_; }
  // The ring of one loop; null: no span is kept.
  SpanRing* ring(unsigned loop) { return rings_.empty() ? nullptr : rings_.at(loop).get(); }

  // ---- any thread
  std::uint64_t exported() const { return exported_.value(); }
  std::uint64_t dropped() const;                              // for want of room
  std::uint64_t refused() const { return refused_.value(); }  // the collector did not take them

 private:
  void run();
  bool pause();
  void send_all();
  bool take_some();
  bool send();
  void tell(bool taken, const std::string& why);

  const TracingOptions options_;
  const std::string node_;
  std::vector<std::unique_ptr<SpanRing>> rings_;
  std::unique_ptr<BlockingClient> client_;  // the thread's, as what follows
  std::vector<Span> batch_;
  bool takes_ = true;  // the collector took the last ones
  Counter exported_;
  Counter refused_;
  Mutex mutex_;  // for what follows; no loop takes it
  std::condition_variable wake_;
  bool stopping_ TANDEM_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace tandem::master
