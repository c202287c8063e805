// Is this a valid OpenAPI document? usage: node gateway_document.mjs FILE
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";

const validator = new Validator();
const verdict = await validator.validate(JSON.parse(readFileSync(process.argv[2], "utf8")));
if (!verdict.valid || validator.version !== "3.1") {
  console.error(`the document is not valid OpenAPI 3.1 (${validator.version}):`, JSON.stringify(verdict.errors, null, 1));
  process.exit(1);
}
console.log("the document is valid OpenAPI", validator.version);
