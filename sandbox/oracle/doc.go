// Package oracle judges a rehearsal. It does not take the product's word: it
// reads the fake registry's folder and ledger, the caught mails, PostgreSQL and
// the exported Temporal histories, and says which of the promises was broken.
//
// [Judge] reads, in this order: what PostgreSQL claims, what lies at the
// registry, the mails, the histories, and PostgreSQL once more. A claim must
// have been true at the moment it was read, and whatever is found afterwards
// must be known by then, so that a rehearsal may be judged while it goes on.
//
// [Sabotages] break one promise each, from outside, so that a rehearsal can
// show that Judge would have seen it.
//
// The package must not use the product's rooms (db, transfer, notify, dqa,
// conformance, activities): it has SQL and parsers of its own, or it would
// believe what it has to doubt. Of the project it uses the nouns, the catalogue
// of codes (data, not judgement) and the fake registry. Its findings name
// files, rows and numbers, never a patient.
package oracle
