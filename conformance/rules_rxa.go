package conformance

import "immtrail/conformance/codes"

// The declarations of the rules on orders and vaccinations; their checks are
// in dose.go and product.go.
var (
	ruleControl1 = declare(Rule{
		ID: "O-01.control", Where: "ORC-1", Severity: isError, Drops: DropsDose, Code: 102, Detail: 4,
		Says:   "The order control of a vaccination is not RE.",
		Remedy: "Ask the EHR vendor to set ORC-1 to RE.",
		Source: "IZ-25",
	})
	ruleFiller = declare(Rule{
		ID: "O-02", Where: "ORC-3", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "A vaccination has no ID of its own (ORC-3).",
		Remedy: "Ask the EHR vendor to fill ORC-3.1 and ORC-3.2.",
		Source: "Z22 ORC-3 R, EI-1 R",
	})
	ruleFillerAuthority = declareLike(ruleFiller, Rule{
		ID: "O-02.authority", Where: "ORC-3.2", Says: "The ID of a vaccination (ORC-3) does not say whose number it is.", Source: "Z22 EI-2, EI-3 C(R)",
	})
	ruleFillerTwice = declare(Rule{
		ID: "O-02.unique", Where: "ORC-3", Severity: isError, Drops: DropsDose, Code: 205, Detail: 3,
		Says:   "Two vaccinations of the message have the same ID.",
		Remedy: "Ask the EHR vendor to give each vaccination an ID of its own.",
		Source: "Z22 ORC-3",
	})
	ruleFillerNone = declare(Rule{
		ID: "O-02.none", Where: "ORC-3", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The ID 9999 stands for 'not given', and does not fit this vaccination's completion status.",
		Remedy: "Ask the EHR vendor to send 9999 for refused and not administered vaccines only.",
		Source: "IZ-45 (NIST's own sample breaks it, so it is a warning)",
	})
	ruleOrderer = declare(Rule{
		ID: "O-03", Where: "ORC-12", Severity: isWarning, Code: 101,
		Says:   "An administered dose does not name who ordered it, by licence number or NPI.",
		Remedy: "Enter the ordering provider.",
		Source: "Z22 ORC-12 C; Texas IEE-526",
	})
	rulePrescriber = declare(Rule{
		ID: "O-03.agreement", Where: "ORC-12", Severity: isWarning, Code: 204, Detail: 3,
		Says:   "Who ordered the dose is not a prescriber of the site agreement.",
		Remedy: "Add the prescriber to the site agreement, or correct the licence number.",
		Source: "Texas IEE-526",
	})
	ruleRXASet = declare(Rule{
		ID: "R-02", Where: "RXA-1", Severity: isError, Drops: DropsDose, Code: 102, Detail: 4,
		Says:   "The counter of a vaccination (RXA-1) is not 0.",
		Remedy: "Ask the EHR vendor to set RXA-1 to 0 and RXA-2 to 1.",
		Source: "IZ-28",
	})
	ruleRXASub = declareLike(ruleRXASet, Rule{
		ID: "R-02.administration", Where: "RXA-2", Says: "The counter of an administration (RXA-2) is not 1.", Source: "IZ-29",
	})
	ruleGiven = declare(Rule{
		ID: "R-03", Where: "RXA-3", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "The date of a vaccination is missing.",
		Remedy: "Enter the full date: year, month and day.",
		Source: "Z22 RXA-3 R",
	})
	ruleGivenForm = declareLike(ruleGiven, Rule{
		ID: "R-03.form", Where: "RXA-3", Code: 102, Detail: 2, Says: "The date of a vaccination is not a date with year, month and day.", Source: "IZ-TS_NZ",
	})
	ruleGivenFuture = declare(Rule{
		ID: "R-03.future", Where: "RXA-3", Severity: isError, Drops: DropsDose, Code: 102, Detail: 1,
		Says:   "The date of a vaccination is in the future, or after the message was made.",
		Remedy: "Correct the date.",
		Source: "CDC K.01.10; Texas: Future Date",
	})
	ruleGivenUnborn = declare(Rule{
		ID: "R-03.birth", Where: "RXA-3", Severity: isError, Drops: DropsDose, Code: 102, Detail: 1,
		Says:   "The date of a vaccination is before the patient's birth.",
		Remedy: "Correct the date of the vaccination or the birth date.",
		Source: "CDC K.01.09",
	})
	ruleGivenDead = declare(Rule{
		ID: "R-03.death", Where: "RXA-3", Severity: isError, Drops: DropsDose, Code: 102, Detail: 1,
		Says:   "The date of a vaccination is after the patient's death.",
		Remedy: "Correct the date of the vaccination or the date of death.",
		Source: "No dose is given after death",
	})
	ruleGivenEnd = declare(Rule{
		ID: "R-04", Where: "RXA-4", Severity: isError, Code: 102, Detail: 3,
		Says:   "Start and end of a vaccination are on different days.",
		Remedy: "Ask the EHR vendor to leave RXA-4 empty.",
		Source: "IZ-30",
	})
	ruleVaccine = declare(Rule{
		ID: "R-05", Where: "RXA-5.1", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "The vaccine's code is missing.",
		Remedy: "Ask the EHR vendor to send CVX or NDC codes with the table's name.",
		Source: "Z22 RXA-5 R, CE-1 R",
	})
	ruleVaccineNoTable = declareLike(ruleVaccine, Rule{
		ID: "R-05.notable", Where: "RXA-5.3", Says: "The vaccine's code does not say of which table it is.", Source: "Z22 CE-3 R",
	})
	ruleVaccineTable = declare(Rule{
		ID: "R-05.table", Where: "RXA-5.3", Severity: isError, Drops: DropsDose, Code: 103, Detail: 5,
		Says:   "The vaccine's code table is neither CVX nor NDC.",
		Remedy: "Ask the EHR vendor to send CVX or NDC codes.",
		Source: "Z22 RXA-5.3",
	})
	ruleVaccineCode = declare(Rule{
		ID: "R-05.code", Where: "RXA-5.1", Severity: isError, Drops: DropsDose, Code: 103, Detail: 5,
		Says:   "The vaccine's code is none of CDC's.",
		Remedy: "Choose the vaccine again in the EHR; ask its vendor to renew the code tables.",
		Source: "CDC CVX and NDC tables", Table: codes.CVX,
	})
	ruleVaccineNDC = declare(Rule{
		ID: "R-05.ndc", Where: "RXA-5.1", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The NDC is unknown to our table; CDC does not list every package, and new ones come each month.",
		Remedy: "Ask the EHR vendor to send the CVX code, or the NDC of CDC's table; renew our tables with 'starter codes import'.",
		Source: "CDC NDC tables", Table: codes.NDCUse,
	})
	ruleVaccineUnknown = declare(Rule{
		ID: "R-05.unknown", Where: "RXA-5.1", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The vaccine is given as 'unknown'.",
		Remedy: "Enter which vaccine was given.",
		Source: "CVX 999 and 99",
	})
	ruleVaccineVague = declare(Rule{
		ID: "R-05.unspecified", Where: "RXA-5.1", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "An administered dose has an unspecified formulation.",
		Remedy: "Enter the product that was given; 'unspecified' is for doses from a card.",
		Source: "CDC CVX notes",
	})
	ruleVaccineNone = declare(Rule{
		ID: "R-05.none", Where: "RXA-5.1", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "A dose is said to be given here, but its code says that no vaccine was administered (998).",
		Remedy: "Enter which vaccine was given.",
		Source: "CVX 998",
	})
	ruleVaccinePair = declare(Rule{
		ID: "R-05.pair", Where: "RXA-5", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The two codes of the vaccine are of different vaccines.",
		Remedy: "Ask the EHR vendor to renew the code tables.",
		Source: "CDC NDC and CPT crosswalks", Table: codes.NDCUse,
	})
	ruleVaccineNDCForm = declare(Rule{
		ID: "R-05.form", Where: "RXA-5.1", Severity: isWarning, Code: 102, Detail: 4,
		Says:   "The NDC is not written with hyphens as 5-4-2 digits.",
		Remedy: "Ask the EHR vendor to write NDC codes as 5-4-2.",
		Source: "CDC guide r1.5, RXA-5",
	})
	ruleVaccineOld = declare(Rule{
		ID: "R-06", Where: "RXA-5.1", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The code is of a vaccine that was not in use in the USA, or no longer.",
		Remedy: "Choose the product that was given.",
		Source: "CDC CVX status", Table: codes.CVX,
	})
	ruleAmount = declare(Rule{
		ID: "R-07", Where: "RXA-6", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "The amount of a vaccination is missing.",
		Remedy: "Enter the amount; 999 stands for unknown.",
		Source: "Z22 RXA-6 R",
	})
	ruleAmountForm = declareLike(ruleAmount, Rule{
		ID: "R-07.form", Where: "RXA-6", Code: 102, Detail: 4, Says: "The amount of a vaccination is not a number.", Source: "Z22 RXA-6 NM",
	})
	ruleAmountNone = declareLike(ruleAmount, Rule{
		ID: "R-07.none", Where: "RXA-6", Code: 102, Detail: 3, Says: "There is an amount other than 999 although nothing was given.",
		Remedy: "Ask the EHR vendor to send 999 in RXA-6 where the dose was refused, or where no vaccine was given (998).", Source: "IZ-48, IZ-49",
	})
	ruleAmountUnknown = declare(Rule{
		ID: "R-07.unknown", Where: "RXA-6", Severity: isInfo, Code: 102, Detail: 3,
		Says:   "An administered dose has no amount (999).",
		Remedy: "Enter the amount that was given.",
		Source: "CDC guide r1.5, RXA-6",
	})
	ruleAmountZero = declare(Rule{
		ID: "R-07.zero", Where: "RXA-6", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The amount of a vaccination that was given is 0.",
		Remedy: "Enter the amount; 999 stands for unknown.",
		Source: "CDC guide r1.5, RXA-6",
	})
	ruleAmountMuch = declare(Rule{
		ID: "R-07.much", Where: "RXA-6", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "Nobody is given that much of a vaccine.",
		Remedy: "Correct amount or unit; most doses are 0.5 or 1 mL, and 999 alone stands for unknown.",
		Source: "FDA labels: 2 mL at most by needle, 100 mL to swallow; CDC data quality: amounts up to 999",
	})
	ruleUnit = declare(Rule{
		ID: "R-07.unit", Where: "RXA-7", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "The amount has no unit.",
		Remedy: "Ask the EHR vendor to send mL, and nothing beside 999.",
		Source: "Z22 RXA-7 C(R)",
	})
	ruleUnitExtra = declareLike(ruleUnit, Rule{
		ID: "R-07.nounit", Where: "RXA-7", Code: 102, Detail: 3, Says: "A unit stands beside an unknown amount (999).", Source: "Z22 RXA-7 C(X)",
	})
	ruleUnitCode = declare(Rule{
		ID: "R-07.code", Where: "RXA-7", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The unit of the amount is not a UCUM unit.",
		Remedy: "Ask the EHR vendor to send mL with UCUM.",
		Source: "UCUM",
	})
	ruleUnitKind = declareLike(ruleUnitCode, Rule{
		ID: "R-07.kind", Where: "RXA-7", Code: 102, Detail: 3, Says: "The unit of the amount is one in which no vaccine is measured.", Source: "Units in CDC's NDC tables and FDA labels",
	})
	ruleSource = declare(Rule{
		ID: "R-08", Where: "RXA-9", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "A vaccination does not say whether it was given here (00) or is history (01 to 08).",
		Remedy: "Ask the EHR vendor to fill RXA-9 from table NIP001.",
		Source: "Z22 RXA-9 C(R); IZ-31",
	})
	ruleSourceCode = declareLike(ruleSource, Rule{
		ID: "R-08.code", Where: "RXA-9", Code: 103, Detail: 5, Says: "Where a vaccination comes from is no code of table NIP001.", Source: "IZ-31; NIP001",
	})
	ruleSourceNone = declare(Rule{
		ID: "R-08.none", Where: "RXA-9", Severity: isWarning, Code: 101,
		Says:   "Neither the completion status nor the source of a vaccination is given.",
		Remedy: "Ask the EHR vendor to fill RXA-9 and RXA-20.",
		Source: "Z22 RXA-9 C, RXA-20 RE",
	})
	ruleSourceExtra = declare(Rule{
		ID: "R-08.extra", Where: "RXA-9", Severity: isError, Drops: DropsDose, Code: 102, Detail: 3,
		Says:   "RXA-9 has a value although RXA-20 says that nothing was given.",
		Remedy: "Ask the EHR vendor to send RXA-9 only where RXA-20 is CP or PA.",
		Source: "IZ-47",
	})
	ruleLooksHistoric = declare(Rule{
		ID: "R-08.historic", Where: "RXA-9", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "A dose is said to be given here, but looks like history: no lot, no maker, and old or without amount.",
		Remedy: "Mark doses from a card or another provider as history; if it was given here, enter lot and manufacturer.",
		Source: "Z22 RXA-15 and RXA-17 C(R); CDC data quality: administered that looks historical",
	})
	ruleLooksGiven = declare(Rule{
		ID: "R-08.given", Where: "RXA-9", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "A dose is said to be history, but looks as if it was given here: recent, with lot and amount.",
		Remedy: "Mark doses that were given here as administered.",
		Source: "History seldom has a lot",
	})
	ruleGiver = declare(Rule{
		ID: "R-09", Where: "RXA-10", Severity: isWarning, Code: 101,
		Says:   "An administered dose does not say who gave it.",
		Remedy: "Enter who gave the dose.",
		Source: "Z22 RXA-10 C",
	})
	rulePlace = declare(Rule{
		ID: "R-09.place", Where: "RXA-11", Severity: isWarning, Code: 101,
		Says:   "An administered dose does not say at which facility it was given.",
		Remedy: "Ask the EHR vendor to fill RXA-11.4.",
		Source: "Z22 RXA-11 C",
	})
	rulePlaceID = declare(Rule{
		ID: "R-09.facility", Where: "RXA-11.4", Severity: isError, Code: 101,
		Says:   "The place of a vaccination has no facility identifier.",
		Remedy: "Ask the EHR vendor to fill RXA-11.4.",
		Source: "Z22 LA2-4 R",
	})
	rulePlaceForeign = declare(Rule{
		ID: "R-09.foreign", Where: "RXA-11.4", Severity: isWarning, Code: 204, Detail: 3,
		Says:   "An administered dose names a facility that is no site of this practice.",
		Remedy: "Add the facility to the right site, or mark the dose as history.",
		Source: "Sites of the practice",
	})
	ruleLot = declare(Rule{
		ID: "R-10", Where: "RXA-15", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "An administered dose has no lot number.",
		Remedy: "Enter the lot number.",
		Source: "Z22 RXA-15 C(R)",
	})
	ruleLotJunk = declare(Rule{
		ID: "R-10.junk", Where: "RXA-15", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The lot number says that there is none.",
		Remedy: "Enter the lot number from the vial.",
		Source: "Words such as LOT, NONE, UNKNOWN",
	})
	ruleLotForm = declareLike(ruleLotJunk, Rule{
		ID: "R-10.form", Where: "RXA-15", Code: 102, Detail: 4, Says: "The lot number holds signs that no lot has: a remark, or a second lot.",
		Source: "CDC data quality: lot numbers with additions",
	})
	ruleLotWords = declareLike(ruleLotJunk, Rule{
		ID: "R-10.words", Where: "RXA-15", Code: 102, Detail: 4, Says: "The lot number holds a word beside the number, such as LOT, VFC or STATE, or a second lot.",
		Source: "CDC data quality: prefixes, suffixes and several lots",
	})
	ruleLotShort = declareLike(ruleLotJunk, Rule{
		ID: "R-10.short", Where: "RXA-15", Code: 102, Detail: 4, Says: "The lot number has less than four characters, and none is so short.",
		Source: "CDC data quality",
	})
	ruleExpiry = declare(Rule{
		ID: "R-11", Where: "RXA-16", Severity: isWarning, Code: 101,
		Says:   "The expiry date is missing beside a lot.",
		Remedy: "Enter the expiry date from the vial.",
		Source: "Z22 RXA-16 C(RE)",
	})
	ruleExpiryForm = declare(Rule{
		ID: "R-11.form", Where: "RXA-16", Severity: isWarning, Code: 102, Detail: 2,
		Says:   "The expiry date is not a date.",
		Remedy: "Enter the expiry date from the vial: year, month and day, or the last day of the month.",
		Source: "Z22 RXA-16 TS_M",
	})
	ruleExpired = declare(Rule{
		ID: "R-11.expired", Where: "RXA-3", Severity: isWarning, Code: 102, Detail: 1,
		Says:   "The dose was given after its lot expired.",
		Remedy: "Correct lot, expiry date or date; if the vaccine was expired, tell the clinic.",
		Source: "No expired dose counts",
	})
	ruleMaker = declare(Rule{
		ID: "R-12", Where: "RXA-17", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "An administered dose has no manufacturer.",
		Remedy: "Enter the manufacturer.",
		Source: "Z22 RXA-17 C(R)",
	})
	ruleMakerCode = declare(Rule{
		ID: "R-12.code", Where: "RXA-17", Severity: isError, Drops: DropsDose, Code: 103, Detail: 5,
		Says:   "The manufacturer's code is unknown to our MVX table.",
		Remedy: "Ask the EHR vendor to renew the MVX table; if the code is new, renew ours with 'starter codes import'.",
		Source: "CDC MVX table; Texas IMR-111", Table: codes.MVX,
	})
	// Texas refuses such a dose (IMR-111), so it is an error where a file is to be
	// error-free and where the verdict foretells the answer. In a historical load
	// it is a warning: makers merged, and CDC's table begins with what was on the
	// market around 2010. Where that table leaves a maker of the vaccine out, the
	// other rule speaks.
	ruleMakerPair = declare(Rule{
		ID: "R-12.pair", Where: "RXA-17", Severity: isErrorNow, Drops: DropsDose, Code: 102, Detail: 3,
		Says:   "This manufacturer makes no such vaccine.",
		Remedy: "Choose the product again: vaccine and manufacturer do not fit; if the product is new, renew our tables with 'starter codes import'.",
		Source: "CDC product names; Texas IMR-111", Table: codes.Product,
	})
	ruleMakerOther = declare(Rule{
		ID: "R-12.other", Where: "RXA-17", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "CDC's table does not name this manufacturer for the vaccine; but it does not name all of them.",
		Remedy: "Compare vaccine and manufacturer with the vial.",
		Source: "CDC product names, of which some have no manufacturer", Table: codes.Product,
	})
	ruleRefusal = declare(Rule{
		ID: "R-13", Where: "RXA-18", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "A refusal has no reason.",
		Remedy: "Enter the reason of a refusal, and only there.",
		Source: "Z22 RXA-18 C(R)",
	})
	ruleRefusalCode = declareLike(ruleRefusal, Rule{
		ID: "R-13.code", Where: "RXA-18", Code: 103, Detail: 5, Says: "The reason of a refusal is no code of table NIP002.", Source: "NIP002",
	})
	ruleRefusalExtra = declareLike(ruleRefusal, Rule{
		ID: "R-13.extra", Where: "RXA-18", Code: 102, Detail: 3, Says: "A reason of refusal stands where nothing was refused.", Source: "Z22 RXA-18 C(X); IZ-32",
	})
	ruleCompletion = declare(Rule{
		// RXA-20 may be empty (RE), a warning; but IZ-47 forbids RXA-9 then. Where
		// both are empty, R-08.none says so.
		ID: "R-14", Where: "RXA-20", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "RXA-9 says where a vaccination comes from, but RXA-20 does not say that it was given.",
		Remedy: "Ask the EHR vendor to send RXA-20: CP, PA, RE or NA.",
		Source: "Z22 RXA-20 RE; IZ-47",
	})
	ruleCompletionCode = declare(Rule{
		ID: "R-14.code", Where: "RXA-20", Severity: isError, Drops: DropsDose, Code: 103, Detail: 5,
		Says:   "The completion status of a vaccination is no code of the guide.",
		Remedy: "Ask the EHR vendor to send CP, PA, RE or NA.",
		Source: "HL70322",
	})
	ruleDelete = declare(Rule{
		ID: "R-15.delete", Where: "RXA-21", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "A dose is to be deleted; the registry does so only for a dose that you sent, found by its order number (ORC-3).",
		Remedy: "See that the same order number was sent before, and that your own organization gave the dose.",
		Source: "Texas IEE-594, IEE-596",
	})
	ruleAction = declare(Rule{
		ID: "R-15", Where: "RXA-21", Severity: isError, Drops: DropsDose, Code: 101,
		Says:   "A vaccination does not say whether it is to be added, updated or deleted.",
		Remedy: "Ask the EHR vendor to send A, U or D in RXA-21.",
		Source: "Z22 RXA-21 C(R)",
	})
	ruleActionCode = declareLike(ruleAction, Rule{
		ID: "R-15.code", Where: "RXA-21", Code: 103, Detail: 5, Says: "What is to be done with a vaccination is neither A, U nor D.", Source: "HL70323",
	})
	ruleEntered = declare(Rule{
		ID: "R-16", Where: "RXA-22", Severity: isWarning, Code: 102, Detail: 1,
		Says:   "The time of entry is in the future, or before the dose.",
		Remedy: "Ask the EHR vendor to correct RXA-22.",
		Source: "HL7 v2.5.1 RXA-22",
	})
	ruleEnteredForm = declareLike(ruleEntered, Rule{
		ID: "R-16.form", Where: "RXA-22", Code: 102, Detail: 2, Says: "The time of entry is not a time.", Source: "Z22 RXA-22 TS",
	})
	ruleLate = declare(Rule{
		ID: "R-17", Where: "RXA-3", Severity: isLiveWarning, Code: 102, Detail: 3,
		Says:   "The dose was given more than 30 days ago and should have been reported by now.",
		Remedy: "Send files more often.",
		Source: "25 TAC 100.6(b)",
	})
)
