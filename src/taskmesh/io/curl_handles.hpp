// What libcurl allocates, owned. Each frees with its own function; null: there is none.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "taskmesh/base/check.hpp"

namespace taskmesh::io {

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct CurlMultiDeleter {  // CURL and CURLM are both void.
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
using CurlEasy = std::unique_ptr<CURL, CurlDeleter>;
using CurlMulti = std::unique_ptr<CURLM, CurlMultiDeleter>;
using CurlHeaders = std::unique_ptr<curl_slist, CurlDeleter>;

/// One more header line, "Name: value".
inline void append(CurlHeaders& headers, const std::string& line) {
  curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
  TASKMESH_CHECK(longer != nullptr);
  static_cast<void>(headers.release());
  headers.reset(longer);
}

}  // namespace taskmesh::io
