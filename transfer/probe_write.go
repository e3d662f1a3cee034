package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
)

// The name does not end like a file for the registry, and says whose it is. It
// is another one each time, so that nothing that lies there can be meant.
const probeBytes = "A test of the connection. This file is removed again.\n"

func writeProbe(ctx context.Context, remote Remote, folder string) error {
	name := "immtrail-probe-" + strings.ToLower(rand.Text()[:8]) + ".txt"
	_, err := remote.Upload(ctx, UploadRequest{
		Folder: folder, Name: name, Size: int64(len(probeBytes)),
		Source: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(probeBytes)), nil },
	})
	return errors.Join(err, remote.Remove(context.WithoutCancel(ctx), folder, name))
}
