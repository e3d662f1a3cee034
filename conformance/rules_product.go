package conformance

import "immtrail/conformance/codes"

// The declarations of the rules that ask the code tables whether codes, days,
// ages and routes fit each other; their checks are in product.go and vis.go.
var (
	ruleVaccineNewer = declare(Rule{
		ID: "R-05.newer", Where: "RXA-5.1", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The vaccine's code is unknown to our table and above all codes in it, so it is probably new.",
		Remedy: "Renew our tables with 'starter codes import'; if CDC has no such code, choose the vaccine again.",
		Source: "CDC CVX table", Table: codes.CVX,
	})
	ruleAlternateCVX = declare(Rule{
		ID: "R-05.cvx", Where: "RXA-5.4", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The second code of the vaccine is no CVX code of our table.",
		Remedy: "Ask the EHR vendor to renew the code tables; if the code is new, renew ours with 'starter codes import'.",
		Source: "CDC CVX table", Table: codes.CVX,
	})
	ruleAlternateNDC = declareLike(ruleAlternateCVX, Rule{
		ID: "R-05.otherndc", Where: "RXA-5.4", Says: "The second code of the vaccine is no NDC of our table; CDC does not list every package.",
		Source: "CDC NDC tables", Table: codes.NDCUse,
	})
	ruleAlternateCPT = declareLike(ruleAlternateCVX, Rule{
		ID: "R-05.cpt", Where: "RXA-5.4", Says: "The second code of the vaccine is no CPT code that CDC gives to a vaccine.",
		Source: "CDC CPT table", Table: codes.CPT,
	})
	ruleVaccineNot = declare(Rule{
		ID: "R-05.not", Where: "RXA-5.1", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The code is of a remedy that is no vaccine, and that registries do not record.",
		Remedy: "Leave the dose out, or choose the vaccine that was given.",
		Source: "CVX 76; immregistries/codebase status Invalid",
	})
	ruleVaccineNever = declare(Rule{
		ID: "R-06.never", Where: "RXA-5.1", Severity: isError, Drops: DropsDose, Code: 102, Detail: 3,
		Says:   "The code is of a vaccine that nobody was ever given: it was reserved and never became active.",
		Remedy: "Choose the product that was given.",
		Source: "CDC CVX status Never Active", Table: codes.CVX,
	})
	ruleUseBefore = declare(Rule{
		ID: "R-06.before", Where: "RXA-3", Severity: isError, Drops: DropsDose, Code: 102, Detail: 1,
		Says:   "The dose is dated years before this vaccine existed.",
		Remedy: "Correct the date, or choose the vaccine that was given.",
		Source: "FDA licence dates that a second source confirms; immregistries/codebase use dates",
	})
	ruleUseEarly = declare(Rule{
		ID: "R-06.early", Where: "RXA-3", Severity: isWarning, Code: 102, Detail: 1,
		Says:   "The dose is dated before this vaccine was licensed in the USA.",
		Remedy: "Check the date and the vaccine; doses of a trial or from abroad are right as they are.",
		Source: "FDA licence dates; immregistries/codebase use dates",
	})
	ruleUseAfter = declare(Rule{
		ID: "R-06.after", Where: "RXA-3", Severity: isError, Drops: DropsDose, Code: 102, Detail: 1,
		Says:   "The dose is said to be given here, long after this vaccine was gone from the USA.",
		Remedy: "Correct the date, or choose the vaccine that was given.",
		Source: "CDC and FDA withdrawals that CDC's tables confirm; immregistries/codebase use dates",
	})
	ruleUseLate = declare(Rule{
		ID: "R-06.late", Where: "RXA-3", Severity: isWarning, Code: 102, Detail: 1,
		Says:   "The dose is said to be given here, after this vaccine was withdrawn or replaced.",
		Remedy: "Check the date, and choose the product that was given.",
		Source: "CDC and FDA withdrawals; immregistries/codebase use dates",
	})
	ruleUseNDC = declare(Rule{
		ID: "R-06.ndc", Where: "RXA-3", Severity: isWarning, Code: 102, Detail: 1,
		Says:   "The dose is said to be given here when no package with this NDC was sold, or when all of them had expired.",
		Remedy: "Choose the package that was given; flu vaccine has another NDC each season.",
		Source: "CDC NDC tables, first and last day", Table: codes.NDCUse,
	})
	ruleUseAge = declare(Rule{
		ID: "R-06.age", Where: "RXA-3", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The patient's age on the day of the dose is not one for which this vaccine is made.",
		Remedy: "Check birth date, date of the dose, and whether the product for children or for adults was given.",
		Source: "FDA labels; immregistries/codebase ages of use",
	})
	ruleLotPattern = declare(Rule{
		ID: "R-10.pattern", Where: "RXA-15", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The lot number looks like those of another manufacturer.",
		Remedy: "Compare lot number and manufacturer with the vial.",
		Source: "immregistries/codebase lot number patterns",
	})
	ruleMakerNDC = declare(Rule{
		ID: "R-12.ndc", Where: "RXA-17", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The manufacturer is another than the one whose packages bear this NDC.",
		Remedy: "Choose the product again: NDC and manufacturer do not fit.",
		Source: "Labelers in CDC's NDC tables", Table: codes.NDCUse,
	})
	ruleMakerOld = declare(Rule{
		ID: "R-12.retired", Where: "RXA-17", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The manufacturer's code was retired, and the dose was given in the last year.",
		Remedy: "Choose the manufacturer again; ask the EHR vendor to renew the MVX table.",
		Source: "CDC MVX status", Table: codes.MVX,
	})
	ruleRouteFit = declare(Rule{
		ID: "X-01.fit", Where: "RXR-1", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "This vaccine is not given by this route: it is swallowed, sprayed or injected.",
		Remedy: "Choose the route by which the dose was given, or the product.",
		Source: "Routes in CDC's NDC table of units of sale", Table: codes.NDCSale,
	})
	ruleTwoSites = declare(Rule{
		ID: "X-02.twice", Where: "RXR-2", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "Two doses of nirsevimab of the same day have the same body site.",
		Remedy: "Enter the site of each of the two injections.",
		Source: "Texas IEE-575",
	})
	ruleVISTable = declare(Rule{
		ID: "B-07.table", Where: "OBX", Severity: isWarning, Code: 101, Detail: 6,
		Says:   "An administered dose does not say which information statement was handed out, although CDC has one for the vaccine.",
		Remedy: "Enter the statement and the day on which it was given to the patient.",
		Source: "CDC table of statements by vaccine", Table: codes.VISOfCVX,
	})
	ruleVISNewer = declare(Rule{
		ID: "B-07.newer", Where: "OBX-5", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The information statement's bar code is of an edition after our table.",
		Remedy: "Renew our tables with 'starter codes import'; if CDC has no such edition, scan the statement again.",
		Source: "CDC VIS table", Table: codes.VIS,
	})
	ruleVISFit = declare(Rule{
		ID: "B-07.fit", Where: "OBX-5", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The information statement is one for another vaccine than the one that was given.",
		Remedy: "Choose the statement that was handed out for this dose.",
		Source: "CDC table of statements by vaccine", Table: codes.VISOfCVX,
	})
	ruleVISAfter = declare(Rule{
		ID: "B-07.after", Where: "OBX-5", Severity: isWarning, Code: 102, Detail: 1,
		Says:   "The information statement is said to have been handed out after the dose; the law wants it before.",
		Remedy: "Correct the day on which the statement was given.",
		Source: "42 USC 300aa-26(d); CDC data quality",
	})
	ruleVISBefore = declare(Rule{
		ID: "B-07.before", Where: "OBX-5", Severity: isInfo, Code: 102, Detail: 3,
		Says:   "The information statement was handed out on a day before the dose.",
		Remedy: "Check the day; it is right where the family was given the statement at an earlier visit.",
		Source: "CDC data quality",
	})
	ruleVISEdition = declare(Rule{
		ID: "B-07.edition", Where: "OBX-5", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "No information statement for this vaccine was published on that day.",
		Remedy: "Enter the edition that is printed on the statement.",
		Source: "CDC VIS table", Table: codes.VIS,
	})
)
