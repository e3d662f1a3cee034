package oracle

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"regexp"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// pick is the first caught mail of ours that fits.
func pick(w *World, fits func(*caught) bool) (*caught, error) {
	mails, err := readMails(w.MailDir)
	if err != nil {
		return nil, fmt.Errorf("sabotage: %w", err)
	}
	for i := range mails {
		if fits(&mails[i]) {
			return &mails[i], nil
		}
	}
	return nil, cannot("a caught letter")
}

func secondLetter(ctx context.Context, w World) error {
	m, err := pick(&w, func(m *caught) bool { return m.kind() == reviewRequest })
	if err != nil {
		return err
	}
	return post(ctx, &w, m.to, setHeader(m.raw, "Message-ID", "<"+rand.Text()+"@sabotage.invalid>"))
}

// wrongAddress repeats an alert with its own Message-ID, to the registry.
func wrongAddress(ctx context.Context, w World) error {
	request, err := pick(&w, func(m *caught) bool { return m.kind() == reviewRequest && len(m.to) > 0 })
	if err != nil {
		return err
	}
	m, err := pick(&w, func(m *caught) bool {
		return m.kind() != reviewRequest && m.kind() != firstFile && m.from == request.from
	})
	if err != nil {
		return err
	}
	return post(ctx, &w, request.to, setHeader(m.raw, "To", "<"+request.to[0]+">"))
}

func nameInMail(ctx context.Context, w World) error {
	who, err := somebody(&w)
	if err != nil {
		return err
	}
	m, err := pick(&w, func(m *caught) bool { return len(m.to) > 0 })
	if err != nil {
		return err
	}
	return post(ctx, &w, m.to, setHeader(m.raw, "X-Note", who.Family))
}

// setHeader replaces a header of a mail, or adds it.
func setHeader(raw []byte, name, value string) []byte {
	head, body, _ := bytes.Cut(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	// A header goes on over lines that begin with a blank.
	old := regexp.MustCompile(`(?im)^` + regexp.QuoteMeta(name) + `:.*\n?([ \t].*\n?)*`)
	head = old.ReplaceAll(head, nil)
	out := fmt.Sprintf("%s: %s\n%s\n\n%s", name, value, bytes.TrimRight(head, "\n"), body)
	return bytes.ReplaceAll([]byte(out), []byte("\n"), []byte("\r\n"))
}

// post hands a mail to the catcher and waits until it lies in its folder.
func post(ctx context.Context, w *World, to []string, raw []byte) error {
	before, err := readMails(w.MailDir)
	if err != nil {
		return fmt.Errorf("sabotage: %w", err)
	}
	if err := deliver(ctx, w.SMTPAddr, to, raw); err != nil {
		return fmt.Errorf("sabotage: mail: %w", err)
	}
	return until(ctx, "the mail is caught", func() (bool, error) {
		now, err := readMails(w.MailDir)
		return len(now) > len(before), err
	})
}

func deliver(ctx context.Context, addr string, to []string, raw []byte) error {
	if addr == "" {
		return errors.New("no mail server is known")
	}
	dialer := net.Dialer{Timeout: netTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // what counts is in the folder
	if err := conn.SetDeadline(time.Now().Add(netTimeout)); err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return err
	}
	if err := c.Mail("sabotage@sabotage.invalid"); err != nil {
		return err
	}
	for _, a := range to {
		if err := c.Rcpt(a); err != nil {
			return err
		}
	}
	data, err := c.Data()
	if err != nil {
		return err
	}
	_, err = data.Write(raw)
	if err := errors.Join(err, data.Close()); err != nil {
		return err
	}
	return c.Quit()
}

func nameInLog(_ context.Context, w World) error {
	who, err := somebody(&w)
	if err != nil {
		return err
	}
	if len(w.LogFiles) == 0 {
		return cannot("a log")
	}
	f, err := os.OpenFile(w.LogFiles[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("sabotage: %w", err)
	}
	_, err = fmt.Fprintf(f, "level=INFO msg=\"checked the record of %s\"\n", who.Family)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("sabotage: %w", err)
	}
	return nil
}

// idleQueue has no worker.
const idleQueue = "sabotage"

func nameInHistory(ctx context.Context, w World) error {
	who, err := somebody(&w)
	if err != nil {
		return err
	}
	return startIdle(ctx, &w, 24*time.Hour, map[string]string{"note": who.Family}, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
}

func deadWorkflow(ctx context.Context, w World) error {
	return startIdle(ctx, &w, time.Second, nil, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT)
}

// startIdle starts a workflow that nobody works on and waits until the list of
// workflows shows it in the state that is wanted.
func startIdle(ctx context.Context, w *World, life time.Duration, in any, want enumspb.WorkflowExecutionStatus) error {
	id := "sabotage/" + rand.Text()[:8]
	_, err := w.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: idleQueue, WorkflowRunTimeout: life,
	}, "Sabotage", in)
	if err != nil {
		return fmt.Errorf("sabotage: start a workflow: %w", err)
	}
	return until(ctx, "the workflow is listed", func() (bool, error) {
		page, err := w.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: w.Namespace, Query: "WorkflowId = '" + id + "'",
		})
		if err != nil {
			return false, fmt.Errorf("sabotage: %w", err)
		}
		for _, e := range page.GetExecutions() {
			if e.GetExecution().GetWorkflowId() == id && e.GetStatus() == want {
				return true, nil
			}
		}
		return false, nil
	})
}
