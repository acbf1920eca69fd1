#include "master/forward/workers/h2_call.hpp"

#include "master/forward/stream/head_text.hpp"
#include "master/forward/workers/upstream.hpp"

namespace tandem::master {

// ---- the stream

void WorkerStream::cancel() {
  if (readiness_ != nullptr) readiness_->cancel();
  H2Stream::cancel();
}

void WorkerStream::move_to(WorkerLink& link) {
  rebind(link);
  worker_link_ = &link;
}

bool WorkerStream::submit_head(std::string_view text, bool last) {
  auto& link = *worker_link_;
  if (!link.has_room()) return false;
  auto& request = link.request_scratch();
  request.clear();
  if (request.parse(text) != HeadStatus::complete) return false;
  auto& fields = link.fields_scratch();
  fields.clear();
  for (const auto& field : request.fields()) {
    if (!request.ends_here(field)) fields.push_back(field);
  }
  if (request.accepts_trailers()) fields.push_back({FieldKind::te, "te", "trailers"});
  to_head_ = request.is_head();
  attach(link.session().open({.method = request.method(),
                              .scheme = "http",
                              .authority = request.host(),
                              .path = request.target(),
                              .fields = fields},
                             last));
  link.note_opened();
  return true;
}

// As text, which the peer needs no credit for.
void WorkerStream::on_head(const h2::Head& head, bool ends) {
  head_arrived_ = true;
  Buffer text = link().buffers().borrow();
  write_response_text(text, head, ends && !to_head_);
  on_text(text.view());
  if (ends) on_end();
}

// ---- the call

H2Call::H2Call(std::shared_ptr<Upstream> upstream, std::shared_ptr<WorkerLink> link,
               const WorkerIo& io)
    : WorkerCall(std::move(upstream)), io_(io), link_(std::move(link)), stream_(*link_) {}

H2Call::~H2Call() { upstream_->leave_place(); }

// A worker may take fewer streams on a connection than wait for it: then there is another one.
Task<IoResult> H2Call::connect() {
  while (!link_->has_room()) {
    link_ = upstream_->link(io_);
    stream_.move_to(*link_);
    WorkerLink::Readiness readiness(*link_);
    stream_.waits_for(&readiness);
    const IoResult ready = co_await readiness;
    stream_.waits_for(nullptr);
    if (!ready.ok()) co_return ready;
  }
  co_return IoResult{};
}

bool H2Call::finish_this(std::unique_ptr<WorkerCall> self, Instant) {
  const auto upstream = upstream_;
  self.reset();
  return upstream->gives_place_away();
}

}  // namespace tandem::master
