#include "taskmesh/wire/codec.hpp"

namespace taskmesh::wire {

namespace {

/// Those between owners and keepers (proto/05-keepers.md); empty: none of them.
std::string_view copies_name(proto::Type type) {
  switch (type) {
    case proto::Type::repl:
      return "REPL";
    case proto::Type::repl_ok:
      return "REPL_OK";
    case proto::Type::repl_dup:
      return "REPL_DUP";
    case proto::Type::done:
      return "DONE";
    case proto::Type::done_ok:
      return "DONE_OK";
    case proto::Type::release:
      return "RELEASE";
    case proto::Type::release_ok:
      return "RELEASE_OK";
    case proto::Type::status_q:
      return "STATUS_Q";
    case proto::Type::status_a:
      return "STATUS_A";
    case proto::Type::moved:
      return "MOVED";
    case proto::Type::who_has:
      return "WHO_HAS";
    case proto::Type::has:
      return "HAS";
    case proto::Type::steal:
      return "STEAL";
    case proto::Type::hint:
      return "HINT";
    default:
      return {};
  }
}

/// Of webhooks' log; empty: something else.
std::string_view posts_name(proto::Type type) {
  if (type == proto::Type::list_posts) return "LIST_POSTS";
  if (type == proto::Type::post_list) return "POST_LIST";
  return {};
}

}  // namespace

std::string type_name(std::uint16_t type) {
  const std::string_view copies = copies_name(static_cast<proto::Type>(type));
  if (!copies.empty()) return std::string(copies);
  const std::string_view posts = posts_name(static_cast<proto::Type>(type));
  if (!posts.empty()) return std::string(posts);
  switch (static_cast<proto::Type>(type)) {
    case proto::Type::hello:
      return "HELLO";
    case proto::Type::welcome:
      return "WELCOME";
    case proto::Type::heartbeat:
      return "HEARTBEAT";
    case proto::Type::bye:
      return "BYE";
    case proto::Type::digest:
      return "DIGEST";
    case proto::Type::members:
      return "MEMBERS";
    case proto::Type::doubt:
      return "DOUBT";
    case proto::Type::witness:
      return "WITNESS";
    case proto::Type::submit:
      return "SUBMIT";
    case proto::Type::accepted:
      return "ACCEPTED";
    case proto::Type::busy:
      return "BUSY";
    case proto::Type::reject:
      return "REJECT";
    case proto::Type::cancel:
      return "CANCEL";
    case proto::Type::query:
      return "QUERY";
    case proto::Type::status:
      return "STATUS";
    case proto::Type::list_tasks:
      return "LIST_TASKS";
    case proto::Type::task_list:
      return "TASK_LIST";
    case proto::Type::cb_hello:
      return "CB_HELLO";
    case proto::Type::cb_welcome:
      return "CB_WELCOME";
    case proto::Type::notify:
      return "NOTIFY";
    case proto::Type::notify_ack:
      return "NOTIFY_ACK";
    case proto::Type::notify_nack:
      return "NOTIFY_NACK";
    case proto::Type::list_callbacks:
      return "LIST_CALLBACKS";
    case proto::Type::callback_list:
      return "CALLBACK_LIST";
    case proto::Type::retry_callbacks:
      return "RETRY_CALLBACKS";
    case proto::Type::callbacks_retried:
      return "CALLBACKS_RETRIED";
    case proto::Type::watch:
      return "WATCH";
    case proto::Type::events:
      return "EVENTS";
    case proto::Type::error:
      return "ERROR";
    default:
      break;
  }
  return "record " + std::to_string(type);
}
}  // namespace taskmesh::wire
