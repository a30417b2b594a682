// The admin API as OpenAPI 3.1. A test walks its paths against a running gateway.
#pragma once

#include <string_view>

namespace satgate::console {

inline constexpr std::string_view kOpenApi = R"json({
 "openapi": "3.1.0",
 "info": {"title": "SatGate admin API", "version": "1"},
 "servers": [{"url": "/api/v1"}],
 "security": [{"admin": []}],
 "paths": {
  "/tokens": {
   "get": {
    "summary": "All tokens with their balances",
    "responses": {
     "200": {
      "description": "tokens",
      "content": {"application/json": {"schema": {"type": "array"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   },
   "post": {
    "summary": "The root token of a name: minted, or the same again for the same terms",
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "additionalProperties": false,
        "required": ["name"],
        "properties": {
         "name": {"type": "string"},
         "hourly_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "daily_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "monthly_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "total_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "budget": {"type": "string"},
         "labels": {"type": "object", "additionalProperties": {"type": "string"}},
         "alert_threshold": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "audience": {"type": "array", "items": {"type": "string"}},
         "endpoints": {"type": "array", "items": {"type": "string"}},
         "methods": {"type": "array", "items": {"type": "string"}},
         "allow_tools": {"type": "array", "items": {"type": "string"}},
         "deny_tools": {"type": "array", "items": {"type": "string"}},
         "models": {"type": "array", "items": {"type": "string"}},
         "upstream": {"type": "string"},
         "rate_limit": {"type": "string", "examples": ["10/min"]},
         "expires": {"type": "string", "description": "1h, a date, or RFC 3339"},
         "call_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "max_depth": {"type": "integer", "minimum": 0}
        }
       }
      }
     }
    },
    "responses": {
     "200": {
      "description": "token, id, name, limits and what was spent",
      "content": {
       "application/json": {
        "schema": {
         "type": "object",
         "required": ["token", "id", "name", "existing"],
         "properties": {
          "token": {"type": "string", "description": "its text, for the agent"},
          "id": {"type": "string"},
          "name": {"type": "string"},
          "existing": {
           "type": "boolean",
           "description": "true: it was there, and this is its text as it was minted"
          }
         }
        }
       }
      }
     },
     "409": {
      "description": "the name is that of a token with other terms, or of one that was revoked",
      "$ref": "#/components/responses/Error"
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/tokens/revoke": {
   "post": {
    "summary": "Revoke by name, id, lineage point or token text, with everything below",
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "additionalProperties": false,
        "required": ["token"],
        "properties": {"token": {"type": "string"}}
       }
      }
     }
    },
    "responses": {
     "200": {
      "description": "what was revoked",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/tokens/{token}": {
   "parameters": [
    {"name": "token", "in": "path", "required": true, "schema": {"type": "string"}}
   ],
   "get": {
    "summary": "One token, with the tree of what was delegated from it: `lineage`, depth first",
    "responses": {
     "200": {
      "description": "token",
      "content": {"application/json": {"schema": {"type": "object", "properties": {
       "lineage": {"type": "array", "items": {"type": "object", "required": ["point", "parent",
        "kind", "holder", "caveat", "first_seen", "depth", "revoked"], "properties": {
        "point": {"type": "string", "description": "by which it is revoked, with all below"},
        "parent": {"type": "string", "description": "the point above it"},
        "kind": {"enum": ["carved", "attenuated"]},
        "name": {"type": "string", "description": "of the carved child that this point is"},
        "holder": {"type": "string"},
        "caveat": {"type": "string", "description": "the caveat that made the point"},
        "first_seen": {"type": "string", "format": "date-time"},
        "depth": {"type": "integer", "description": "0: directly below the token"},
        "revoked": {"type": "boolean", "description": "itself, or a point above it"},
        "spent": {"type": "number", "description": "where the point has a budget of its own"},
        "held": {"type": "number"},
        "carved": {"type": "number"}}}}}}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   },
   "patch": {
    "summary": "Change limits; with `expires` they return by themselves",
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "additionalProperties": false,
        "required": [],
        "properties": {
         "hourly_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\"; \"none\" takes it away"
         },
         "daily_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\"; \"none\" takes it away"
         },
         "monthly_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\"; \"none\" takes it away"
         },
         "total_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\"; \"none\" takes it away"
         },
         "expires": {"type": "string"},
         "labels": {"type": "object", "additionalProperties": {"type": "string"}},
         "alert_threshold": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         }
        }
       }
      }
     }
    },
    "responses": {
     "200": {
      "description": "token",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   },
   "delete": {
    "summary": "Revoke",
    "responses": {
     "200": {
      "description": "what was revoked",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/tokens/{token}/unblock": {
   "parameters": [
    {"name": "token", "in": "path", "required": true, "schema": {"type": "string"}}
   ],
   "post": {
    "summary": "Clear an overrun",
    "responses": {
     "200": {
      "description": "token",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/mint": {
   "post": {
    "summary": "Carve a child's budget out of its parent's",
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "additionalProperties": false,
        "required": ["parent", "budget", "holder"],
        "properties": {
         "parent": {"type": "string"},
         "budget": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "holder": {"type": "string"},
         "audience": {"type": "array", "items": {"type": "string"}},
         "endpoints": {"type": "array", "items": {"type": "string"}},
         "methods": {"type": "array", "items": {"type": "string"}},
         "allow_tools": {"type": "array", "items": {"type": "string"}},
         "deny_tools": {"type": "array", "items": {"type": "string"}},
         "models": {"type": "array", "items": {"type": "string"}},
         "upstream": {"type": "string"},
         "rate_limit": {"type": "string", "examples": ["10/min"]},
         "expires": {"type": "string", "description": "1h, a date, or RFC 3339"},
         "call_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "max_depth": {"type": "integer", "minimum": 0}
        }
       }
      }
     }
    },
    "responses": {
     "200": {
      "description": "token, id, name",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/approvals": {
   "get": {
    "summary": "Calls that wait for a person, and decisions that are not used yet",
    "responses": {
     "200": {
      "description": "approvals",
      "content": {"application/json": {"schema": {"type": "array"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/approvals/{id}": {
   "parameters": [{"$ref": "#/components/parameters/ApprovalId"}],
   "get": {
    "summary": "One of them",
    "responses": {
     "200": {"$ref": "#/components/responses/Approval"},
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/approvals/{id}/approve": {
   "parameters": [{"$ref": "#/components/parameters/ApprovalId"}],
   "post": {
    "summary": "Let this call pass, once",
    "requestBody": {"$ref": "#/components/requestBodies/Decision"},
    "responses": {
     "200": {"$ref": "#/components/responses/Approval"},
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/approvals/{id}/deny": {
   "parameters": [{"$ref": "#/components/parameters/ApprovalId"}],
   "post": {
    "summary": "Refuse this call, also one that was approved and has not passed yet",
    "requestBody": {"$ref": "#/components/requestBodies/Decision"},
    "responses": {
     "200": {"$ref": "#/components/responses/Approval"},
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/definitions": {
   "get": {
    "summary": "Definitions of MCP tools that wait for a person",
    "responses": {
     "200": {
      "description": "definitions",
      "content": {"application/json": {"schema": {"type": "array"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/definitions/{id}": {
   "parameters": [{"$ref": "#/components/parameters/DefinitionId"}],
   "get": {
    "summary": "One of them, and where it differs from what was accepted",
    "responses": {
     "200": {"$ref": "#/components/responses/Definition"},
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/definitions/{id}/accept": {
   "parameters": [{"$ref": "#/components/parameters/DefinitionId"}],
   "post": {
    "summary": "Offer the tool as its server describes it now",
    "requestBody": {"$ref": "#/components/requestBodies/Decision"},
    "responses": {
     "200": {"$ref": "#/components/responses/Definition"},
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/lightning": {
   "get": {
    "summary": "The Lightning node that is paid, whether it is there, and what a satoshi is worth",
    "responses": {
     "200": {
      "description": "node",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/lightning/invoices": {
   "get": {
    "summary": "Invoices that buyers were shown, the newest first",
    "parameters": [
     {"name": "paid", "in": "query", "schema": {"type": "boolean"}},
     {
      "name": "state",
      "in": "query",
      "schema": {
       "enum": ["open", "expired", "paid", "used", "underpaid", "refunding", "refunded"]
      }
     },
     {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000}}
    ],
    "responses": {
     "200": {
      "description": "invoices",
      "content": {"application/json": {"schema": {"type": "array"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/lightning/purchases": {
   "get": {
    "summary": "What was bought of upstreams, the newest first",
    "parameters": [
     {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000}}
    ],
    "responses": {
     "200": {
      "description": "purchases",
      "content": {"application/json": {"schema": {"type": "array"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/lightning/refunds": {
   "post": {
    "summary": "Give back what is left of a payment, to an invoice of the buyer's",
    "requestBody": {
     "content": {"application/json": {"schema": {
      "type": "object", "additionalProperties": false, "required": ["payment", "invoice"],
      "properties": {
       "payment": {"type": "string", "description": "payment hash, or name of the paid token"},
       "invoice": {"type": "string", "description": "BOLT 11, with an amount"},
       "fee_max_sats": {"type": "integer", "minimum": 0, "maximum": 1000000}
      }
     }}}
    },
    "responses": {
     "200": {
      "description": "its state: paid, failed, or pending, which is asked about again next time",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/lightning/reconcile": {
   "post": {
    "summary": "Compare invoices and refunds with the node; note what is settled there",
    "requestBody": {
     "content": {"application/json": {"schema": {
      "type": "object", "additionalProperties": false,
      "properties": {
       "since": {"type": "string", "description": "default: seven days ago"},
       "limit": {"type": "integer", "minimum": 1, "maximum": 1000}
      }
     }}}
    },
    "responses": {
     "200": {
      "description": "differences and sums",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/lightning/settle": {
   "post": {
    "summary": "The development wallet: as if an invoice had been paid; its preimage",
    "requestBody": {
     "content": {"application/json": {"schema": {
      "type": "object", "required": ["invoice"], "properties": {"invoice": {"type": "string"}}
     }}}
    },
    "responses": {
     "200": {
      "description": "preimage",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/budgets": {
   "get": {
    "summary": "Named budgets",
    "responses": {
     "200": {
      "description": "budgets",
      "content": {"application/json": {"schema": {"type": "array"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   },
   "post": {
    "summary": "Create a budget",
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "additionalProperties": false,
        "required": ["name"],
        "properties": {
         "name": {"type": "string"},
         "parent": {"type": "string"},
         "hourly_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "daily_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "monthly_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         },
         "total_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\""
         }
        }
       }
      }
     }
    },
    "responses": {
     "200": {
      "description": "budget",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/budgets/{name}": {
   "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
   "get": {
    "summary": "One budget",
    "responses": {
     "200": {
      "description": "budget",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   },
   "patch": {
    "summary": "Change limits or parent",
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "additionalProperties": false,
        "required": [],
        "properties": {
         "parent": {"type": "string"},
         "hourly_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\"; \"none\" takes it away"
         },
         "daily_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\"; \"none\" takes it away"
         },
         "monthly_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\"; \"none\" takes it away"
         },
         "total_limit": {
          "oneOf": [{"type": "number"}, {"type": "string"}],
          "description": "credits, or text with a unit: \"$0.05\"; \"none\" takes it away"
         }
        }
       }
      }
     }
    },
    "responses": {
     "200": {
      "description": "budget",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/keys": {
   "get": {
    "summary": "Ids of the root keys",
    "responses": {
     "200": {
      "description": "keys",
      "content": {"application/json": {"schema": {"type": "array"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/keys/rotate": {
   "post": {
    "summary": "New active key; live tokens go on",
    "responses": {
     "200": {
      "description": "keys",
      "content": {"application/json": {"schema": {"type": "array"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/keys/{id}": {
   "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
   "delete": {
    "summary": "Retire a key and all tokens it minted",
    "responses": {
     "200": {
      "description": "keys",
      "content": {"application/json": {"schema": {"type": "array"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/audit/events": {
   "get": {
    "summary": "Events, oldest first",
    "parameters": [
     {"name": "subject", "in": "query", "schema": {"type": "string"}},
     {"name": "tool", "in": "query", "schema": {"type": "string"}},
     {"name": "decision", "in": "query", "schema": {"type": "string"}},
     {"name": "code", "in": "query", "schema": {"type": "string"}},
     {"name": "kind", "in": "query", "schema": {"type": "string"}},
     {"name": "request_id", "in": "query", "schema": {"type": "string"}},
     {"name": "since", "in": "query", "schema": {"type": "string"}},
     {"name": "until", "in": "query", "schema": {"type": "string"}},
     {"name": "after", "in": "query", "schema": {"type": "string"}},
     {"name": "limit", "in": "query", "schema": {"type": "string"}}
    ],
    "responses": {
     "200": {
      "description": "events",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/audit/checkpoints": {
   "get": {
    "summary": "Signed checkpoints of the chain",
    "responses": {
     "200": {
      "description": "checkpoints",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/reports/spend": {
   "get": {
    "summary": "Spend by dimension",
    "parameters": [
     {
      "name": "by",
      "in": "query",
      "schema": {
       "enum": [
        "team", "agent", "tool", "model", "endpoint", "workflow", "upstream", "project",
        "environment"
       ]
      }
     },
     {"name": "since", "in": "query", "schema": {"type": "string"}},
     {"name": "until", "in": "query", "schema": {"type": "string"}}
    ],
    "responses": {
     "200": {
      "description": "rows and total",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/reports/revenue": {
   "get": {
    "summary": "What was sold: received, earned, owed, refunded, shares of partners",
    "parameters": [
     {
      "name": "by",
      "in": "query",
      "schema": {"enum": ["route", "buyer", "day", "partner"]}
     },
     {"name": "since", "in": "query", "schema": {"type": "string"}},
     {"name": "until", "in": "query", "schema": {"type": "string"}}
    ],
    "responses": {
     "200": {
      "description": "rows, total of that time, and what is owed now",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/prices": {
   "get": {
    "summary": "Everything that has a price",
    "responses": {
     "200": {
      "description": "prices",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  },
  "/status": {
   "get": {
    "summary": "Health, upstreams, recovery",
    "responses": {
     "200": {
      "description": "status",
      "content": {"application/json": {"schema": {"type": "object"}}}
     },
     "default": {"$ref": "#/components/responses/Error"}
    }
   }
  }
 },
 "components": {
  "parameters": {
   "ApprovalId": {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
   "DefinitionId": {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}
  },
  "requestBodies": {
   "Decision": {
    "required": false,
    "content": {
     "application/json": {
      "schema": {
       "type": "object",
       "additionalProperties": false,
       "required": [],
       "properties": {
        "by": {"type": "string", "description": "who decides, for the record"},
        "reason": {"type": "string", "description": "for the record, and a denial's for the agent"}
       }
      }
     }
    }
   }
  },
  "securitySchemes": {
   "admin": {
    "type": "http",
    "scheme": "bearer",
    "description": "the content of admin.token in the data directory"
   }
  },
  "responses": {
   "Approval": {
    "description": "approval",
    "content": {"application/json": {"schema": {"type": "object"}}}
   },
   "Definition": {
    "description": "definition",
    "content": {"application/json": {"schema": {"type": "object"}}}
   },
   "Error": {
    "description": "what was wrong",
    "content": {
     "application/json": {
      "schema": {
       "type": "object",
       "required": ["error", "message"],
       "properties": {"error": {"type": "string"}, "message": {"type": "string"}}
      }
     }
    }
   }
  }
 }
})json";

}  // namespace satgate::console
