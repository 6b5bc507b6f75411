"""What Salesforce sends by itself: change events over the Pub/Sub API, and Outbound Messages."""
