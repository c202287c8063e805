// OpenApi: the interface as an OpenAPI 3.1 document, made from the table of routes, so that it cannot say anything else.
//
// Served at /v1/openapi.json. Pure; made once. A test holds real answers against its schemas.
#pragma once

#include <string>

namespace taskmesh::http {

/// The document, JSON.
const std::string& openapi_document();

}  // namespace taskmesh::http
