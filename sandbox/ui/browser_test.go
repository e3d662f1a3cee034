package ui_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Patience of the tests. Both are generous: the machine may be busy with other
// tests, and a browser's first page takes seconds then.
const (
	patience = 3 * time.Minute
	// look is how often a page is looked at while something is awaited.
	look = 500 * time.Millisecond
)

// chromium is the browser's program. A test that needs it is skipped where
// there is none, but for the gate, where nothing is skipped.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no Chromium: install the package chromium")
	return ""
}

// missing skips the test, or fails it where CI=true.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// browser is one tab of a headless Chromium.
type browser struct {
	tab context.Context
}

// browse starts a Chromium with a profile of its own. It knows only this
// machine: what phones home is off.
func browse(t *testing.T, program string) *browser {
	t.Helper()
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1400, 1300),
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU,
		chromedp.Flag("headless", true),
		chromedp.Flag("no-sandbox", true), // Chromium's own sandbox does not start as root
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
	}
	// The browser ends in the cleanup, which waits for it, and not before.
	alloc, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	tab, closeTab := chromedp.NewContext(alloc)
	b := &browser{tab: tab}
	t.Cleanup(func() {
		if t.Failed() {
			b.photograph(t, "failed")
		}
		_ = chromedp.Cancel(tab)
		closeTab()
		stop()
	})
	// The first action starts the browser, and must not have a deadline.
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate("about:blank")))
	return b
}

// do runs actions with a deadline.
func (b *browser) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, patience)
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, actions...))
}

// eval runs a script that returns a string; "" where that fails, as it does
// between two pages.
func (b *browser) eval(script string) string {
	ctx, cancel := context.WithTimeout(b.tab, patience)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
	if err != nil {
		return ""
	}
	return out
}

// photograph keeps a picture of the page: `go test -artifacts` says where.
func (b *browser) photograph(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), png, 0o600)
	}
	if err != nil {
		t.Logf("no picture %s: %v", name, err)
	}
}

// press clicks the visible element of a selector whose text contains words,
// once there is one. The Web UI keeps a hidden twin of most of its buttons for
// narrow screens.
func (b *browser) press(t *testing.T, selector, words string) {
	t.Helper()
	script := fmt.Sprintf(`(() => {
		const found = [...document.querySelectorAll(%s)].filter(e =>
			e.getClientRects().length > 0 && !e.disabled && e.textContent.includes(%s));
		if (found.length == 0) return "";
		found[0].click();
		return "pressed";
	})()`, quote(selector), quote(words))
	require.Eventually(t, func() bool { return b.eval(script) != "" }, patience, look, "%s %q", selector, words)
}

// text is the text of the first element of a selector.
func (b *browser) text(selector string) string {
	return b.eval(fmt.Sprintf(`(document.querySelector(%s) || {innerText: ""}).innerText`, quote(selector)))
}

// send opens one of the dialogs "Send a Signal" and "Send an Update", chooses
// the message by name, types the JSON and submits it.
func (b *browser) send(t *testing.T, kind, message, typed string) {
	t.Helper()
	b.press(t, "button[aria-controls=workflow-actions]", "More Actions")
	b.press(t, "[data-testid="+kind+"-button]", "Send")
	b.press(t, "dialog[open] button[aria-controls="+kind+"-select-select]", "")
	b.press(t, "dialog[open] [role=option]", message)
	// As pasted: keys typed one by one make the editor add brackets of its own.
	typeIn := fmt.Sprintf(`(() => {
		const editor = document.querySelector("dialog[open] [contenteditable=true]");
		editor.focus();
		document.execCommand("insertText", false, %s);
		return editor.innerText;
	})()`, quote(typed))
	require.Equal(t, typed, strings.TrimSpace(b.eval(typeIn)))
	b.photograph(t, "dialog-"+kind+"-"+message)
	b.press(t, "dialog[open] [data-testid=confirm-modal-button]", "")
}

func quote(s string) string {
	out, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(out)
}
