// The other end of a webhook, with the sockets of example 14.
#pragma once

#include <iostream>
#include <taskmesh/taskmesh.hpp>

#include "14_webhook_receiver/post.hpp"

/// Says where webhooks may go, and tells of the one that comes.
inline int receive() {
  const Door door;
  std::cout << door.url() << std::endl;
  const Post post = door.next();
  post.answer("204 No Content");
  const auto event = taskmesh::parse_json(post.body);
  std::cout << *event->at("type")->string() << ": " << *event->at("data")->at("result")->at("kind")->string()
            << '\n';
  return 0;
}
