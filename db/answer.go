package db

// The standing answer of a message is a row of answers, or a bit of one of
// answer_pages. The view answered joins both to messages; what asks message by
// message reads them as below.

// pageOf is SQL that gathers messages of one page of a file into its bits.
func pageOf(message string) string {
	return `bit_or(set_bit(0::bit(1024), ` + message + ` % 1024, 1))`
}

// answerOf is SQL for the standing answer of a message, as a lateral table.
func answerOf(file, message string) string {
	return `lateral (
		select answer, answer_report from answers where file_id = ` + file + ` and message = ` + message + `
		union all
		select answer, answer_report from answer_pages where file_id = ` + file + ` and page = ` + message + ` / 1024
		  and get_bit(messages, ` + message + ` % 1024) = 1)`
}
