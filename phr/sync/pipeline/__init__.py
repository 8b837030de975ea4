"""The work of a run: plan, crawl, references, attachments, projection, report. One file a part."""
