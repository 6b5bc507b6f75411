"""The answer of `/limits`: every limit that a Developer Edition org lists, live where the sandbox counts."""

from __future__ import annotations

from concord_sandbox.salesforce.bulk.jobs import BulkJobs
from concord_sandbox.salesforce.calls import Answer, Api, Call
from concord_sandbox.salesforce.events.changes import ChangeEvents

#: Limits of which the sandbox uses nothing, with their size in a Developer Edition org.
_UNUSED = {
    "ActiveScratchOrgs": 3,
    "AnalyticsExternalDataSizeMB": 40_960,
    "CdpAiInferenceApiMonthlyLimit": 500_000_000,
    "ConcurrentAsyncGetReportInstances": 200,
    "ConcurrentEinsteinDataInsightsStoryCreation": 5,
    "ConcurrentEinsteinDiscoveryStoryCreation": 2,
    "ConcurrentSyncReportRuns": 20,
    "DailyAnalyticsDataflowJobExecutions": 60,
    "DailyAnalyticsUploadedFilesSizeMB": 51_200,
    "DailyAsyncApexExecutions": 250_000,
    "DailyAsyncApexTests": 500,
    "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyDurableGenericStreamingApiEvents": 10_000,
    "DailyDurableStreamingApiEvents": 10_000,
    "DailyEinsteinDataInsightsStoryCreation": 1000,
    "DailyEinsteinDiscoveryOptimizationJobRuns": 10,
    "DailyEinsteinDiscoveryPredictAPICalls": 50_000,
    "DailyEinsteinDiscoveryPredictionsByCDC": 500_000,
    "DailyEinsteinDiscoveryStoryCreation": 100,
    "DailyFunctionsApiCallLimit": 235_000,
    "DailyGenericStreamingApiEvents": 10_000,
    "DailyScratchOrgs": 6,
    "DailyStandardVolumePlatformEvents": 10_000,
    "DailyStreamingApiEvents": 10_000,
    "DailyWorkflowEmails": 100_000,
    "DurableStreamingApiConcurrentClients": 20,
    "FileStorageMB": 20,
    "HourlyAsyncReportRuns": 1200,
    "HourlyDashboardRefreshes": 200,
    "HourlyDashboardResults": 5000,
    "HourlyDashboardStatuses": 999_999_999,
    "HourlyLongTermIdMapping": 100_000,
    "HourlyManagedContentPublicRequests": 50_000,
    "HourlyODataCallout": 1000,
    "HourlyPublishedPlatformEvents": 50_000,
    "HourlyPublishedStandardVolumePlatformEvents": 1000,
    "HourlyShortTermIdMapping": 100_000,
    "HourlySyncReportRuns": 500,
    "HourlyTimeBasedWorkflow": 1000,
    "MassEmail": 10,
    "MonthlyEinsteinDiscoveryStoryCreation": 500,
    "MonthlyPlatformEventsUsageEntitlement": 0,
    "Package2VersionCreates": 6,
    "Package2VersionCreatesWithoutValidation": 500,
    "PrivateConnectOutboundCalloutHourlyLimitMB": 0,
    "PublishCallbackUsageInApex": 200_000_000,
    "SingleEmail": 15,
    "StreamingApiConcurrentClients": 20,
}
_PERMISSION_SETS = {"Max": 1500, "Remaining": 1500, "CreateCustom": {"Max": 1000, "Remaining": 1000}}
#: Storage of a Developer Edition org, in MB, and what a record counts for, in bytes.
_STORAGE_MB, _RECORD_BYTES = 5, 2048


def limits(api: Api, _: Call) -> Answer:
    now = api.controls.clock.epoch_ms()
    jobs, events = api.org.parts.of(BulkJobs), api.org.parts.of(ChangeEvents)
    stored = sum(len(table.rows) for table in api.org.tables.values()) * _RECORD_BYTES // 1024**2
    # An org of the sandbox may hold more than a real one: it is shown with room for what it has.
    room = max(_STORAGE_MB, stored + _STORAGE_MB)
    counted = {
        "DailyApiRequests": (api.usage.limit, api.usage.used(now)),
        "DailyBulkApiBatches": (jobs.batches.limit, jobs.batches.used(now)),
        "DailyBulkV2QueryJobs": (jobs.queries.limit, jobs.queries.used(now)),
        "DailyDeliveredPlatformEvents": (events.daily_allocation, events.delivered_today),
        "DataStorageMB": (room, stored),
    }
    shown = {name: (most, 0) for name, most in _UNUSED.items()} | counted
    listed = sorted(shown.items())
    body = {name: {"Max": most, "Remaining": max(0, most - used)} for name, (most, used) in listed}
    return Answer(200, body | {"PermissionSets": _PERMISSION_SETS})
