package ui_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/sandbox/engine"
	"immtrail/sandbox/stage"
	"immtrail/workflows"
)

const (
	// practice is the first of the sample practices.
	practice = "sunrise-plano"
	// reviewer is typed into the Web UI, and must not lie in Temporal in clear.
	reviewer = "Rita Reviewer"
	approval = `{"practice": "` + practice + `", "approved_by": "` + reviewer + `", "email_date": "2026-03-11"}`
)

// TestCoordinatorSeesAndActsInTheWebUIWithTheCodecOn walks the road of a
// coordinator who has only a browser, in its order.
func TestCoordinatorSeesAndActsInTheWebUIWithTheCodecOn(t *testing.T) {
	program := chromium(t)
	s := rehearse(t)
	await(t, s, "an open gate", func(st workflows.Status) bool { return st.Gate != nil && st.Gate.Open })
	b := browse(t, program)
	p := page{browser: b, stage: s, url: s.UIURL() + "/namespaces/" + engine.Namespace + "/workflows"}

	for _, step := range []struct {
		outcome string
		check   func(*testing.T)
	}{
		{"the list of who needs a person names the practice", p.list},
		{"summary and current details are read in words", p.words},
		{"a signal for another practice is refused with its reason", p.wrongSignal},
		{"a signal typed as plain JSON is kept as an early approval", p.signal},
		{"an update without a name is refused with its reason", p.wrongUpdate},
		{"an update requests the review, which the early approval ends", p.update},
		{"what lies in Temporal is encrypted all the same", p.sealed},
	} {
		if !t.Run(step.outcome, step.check) {
			return // each step goes on from the one before
		}
	}
}

// page is the Web UI at the practice's onboarding.
type page struct {
	*browser
	stage *stage.Stage
	url   string
}

// open opens the onboarding at the tab User Metadata.
func (p page) open(t *testing.T) {
	t.Helper()
	p.do(t, chromedp.Navigate(p.url+"/"+url.PathEscape(workflows.OnboardingID(practice))))
	p.press(t, "[data-testid=user-metadata-tab]", "User Metadata")
}

// list looks at the workflow list, whole and as it is bookmarked.
func (p page) list(t *testing.T) {
	t.Helper()
	for _, of := range []struct{ name, query string }{ // the one that is looked at below comes last
		{"list", ""}, {"needs-attention", "?query=" + url.QueryEscape("NeedsAttention=true")},
	} {
		p.do(t, chromedp.Navigate(p.url+of.query))
		require.Eventually(t, func() bool {
			return strings.Contains(p.text("table"), workflows.OnboardingID(practice))
		}, patience, look)
		p.photograph(t, of.name)
	}
	require.NotContains(t, p.text("table"), "cycle/", "nobody is needed for a submission that went well")
}

// words looks at the tab User Metadata.
func (p page) words(t *testing.T) {
	t.Helper()
	p.open(t)
	p.awaitDetails(t, "testing: 3 of 3")
	p.photograph(t, "details")
	p.awaitFrame(t, summaryFrame, "body", "onboarding of "+practice)
	p.awaitFrame(t, detailsFrame, "h2", "testing: 3 of 3")           // the stage is a heading
	p.awaitFrame(t, detailsFrame, "strong", "Next:")                 // what is bold is bold
	p.awaitFrame(t, detailsFrame, "li", "answered without an error") // the test files are a list
	require.Contains(t, p.details(), "starter review send "+practice)
	for _, raw := range []string{"##", "**", "`", "binary/encrypted", "cannot be shown", "|"} {
		require.NotContains(t, p.details(), raw, "words only")
	}
}

func (p page) wrongSignal(t *testing.T) {
	t.Helper()
	p.act(t, "signal", workflows.SignalProductionApproved.Name, strings.Replace(approval, practice, "bluebonnet-waco", 1))
	p.taken(t)
	p.awaitDetails(t, "not accepted: it names another practice")
	p.photograph(t, "signal-refused")
	require.False(t, status(t, p.stage).Early)
}

func (p page) signal(t *testing.T) {
	t.Helper()
	p.act(t, "signal", workflows.SignalProductionApproved.Name, approval)
	p.taken(t)
	await(t, p.stage, "an early approval", func(st workflows.Status) bool { return st.Early })
	p.awaitDetails(t, "Production email is already known")
	p.photograph(t, "signal-taken")
	require.NotContains(t, p.details(), "not accepted")
	require.Equal(t, registry.PhaseTesting, status(t, p.stage).Phase, "an early approval opens nothing by itself")
}

func (p page) wrongUpdate(t *testing.T) {
	t.Helper()
	p.act(t, "update", workflows.UpdateRequestReview.Name, `{}`)
	require.Eventually(t, func() bool { return strings.Contains(p.text("dialog[open]"), "who? give") }, patience, look)
	p.photograph(t, "update-refused")
	require.Equal(t, registry.PhaseTesting, status(t, p.stage).Phase)
}

func (p page) update(t *testing.T) {
	t.Helper()
	p.act(t, "update", workflows.UpdateRequestReview.Name, `{"by": {"name": "Carla Coordinator"}}`)
	await(t, p.stage, "Production", func(st workflows.Status) bool { return st.Phase == registry.PhaseProduction })
	p.photograph(t, "update-taken")
	p.open(t)
	p.awaitDetails(t, "production:")
	p.photograph(t, "production")
}

// act sends a message from the page's own dialog.
func (p page) act(t *testing.T, kind, message, typed string) {
	t.Helper()
	p.open(t) // anew: the dialogs keep what was typed into them
	p.send(t, kind, message, typed)
}

// taken waits until the dialog has closed upon the server's answer.
func (p page) taken(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return p.eval(`document.querySelector("dialog[open]") ? "open" : "closed"`) == "closed" }, patience, look)
	p.open(t)
}

// The frames in which the Web UI lays Markdown out.
const (
	summaryFrame = "#user-metadata-summary"
	detailsFrame = "iframe:not(#user-metadata-summary):not(#user-metadata-details)"
)

// details is the text of the current details; "" while there is none.
func (p page) details() string { return p.frame(detailsFrame, "body") }

// awaitDetails waits until the current details say so. They are as old as the
// last look at them: the key R looks again.
func (p page) awaitDetails(t *testing.T, words string) {
	t.Helper()
	ok := func() bool {
		p.do(t, chromedp.KeyEvent("r"))
		return strings.Contains(p.details(), words)
	}
	if !eventually(ok) {
		t.Fatalf("the current details do not say %q:\n%s", words, p.details())
	}
}

// awaitFrame waits until an element inside a frame of the page says words: what was
// refreshed while somebody looked is rendered once more.
func (p page) awaitFrame(t *testing.T, frame, selector, words string) {
	t.Helper()
	if !eventually(func() bool { return strings.Contains(p.frame(frame, selector), words) }) {
		t.Fatalf("%s in %s does not say %q but %q", selector, frame, words, p.frame(frame, selector))
	}
}

// frame is the text of an element inside a frame of the page.
func (p page) frame(frame, selector string) string {
	return p.eval(`document.querySelector(` + quote(frame) + `).contentDocument.querySelector(` + quote(selector) + `).innerText`)
}
